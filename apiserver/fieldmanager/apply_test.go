package fieldmanager

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/merge"
)

// appliers apply configurations to objects of one kind, by plans and by structured-merge-diff.
type appliers struct {
	fast *Managers
	slow *Generic
	row  *resource.Resource
	kind schema.GroupVersionKind
	as   *form
	// same counts configurations that could be applied by a plan, clashes those of them that were refused.
	same, clashes, other int
}

func newAppliers(t testing.TB, fast *Managers, slow *Generic, row *resource.Resource) *appliers {
	t.Helper()
	return &appliers{fast: fast, slow: slow, row: row, kind: row.GroupVersionKind(row.Storage().Name), as: formOf(t, row)}
}

// members are those of the JSON of an object.
func (a *appliers) members(t testing.TB, obj resource.Object) map[string]any {
	t.Helper()
	data, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	parsed := Parse(data)
	if parsed.err != nil {
		t.Fatal(parsed.err)
	}
	delete(parsed.object["metadata"].(map[string]any), "managedFields")
	return a.as.tidy(parsed.object).(map[string]any)
}

func (a *appliers) configuration(t testing.TB, obj resource.Object, random *rand.Rand) []byte {
	t.Helper()
	wanted, ok := a.as.wish(a.members(t, obj), random).(map[string]any)
	if !ok {
		wanted = map[string]any{}
	}
	wanted["apiVersion"], wanted["kind"] = a.kind.GroupVersion().String(), a.kind.Kind
	metadata, ok := wanted["metadata"].(map[string]any)
	if !ok {
		metadata = map[string]any{}
		wanted["metadata"] = metadata
	}
	metadata["labels"] = map[string]any{"a": fmt.Sprint(random.IntN(3))}
	data, err := json.Marshal(wanted)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// apply applies a configuration in both ways and compares what comes of it. It returns the object as it is then.
func (a *appliers) apply(t testing.TB, live resource.Object, wanted Configuration, context string) resource.Object {
	t.Helper()
	before := asText(t, live)
	configuration, err := readApplied(wanted)
	if err != nil {
		t.Fatal(err)
	}
	got, gotErr := a.fast.applyByPlan(a.row, a.kind, live, configuration, wanted)
	if asText(t, live) != before {
		t.Fatalf("%s: the live object was changed", context)
	}
	want, wantErr := a.slow.Apply(a.row, a.kind, live, wanted)
	if errors.Is(gotErr, merge.ErrNoPlan) {
		a.other++
		if wantErr != nil {
			return live
		}
		return want
	}
	if !slices.Equal(faults(gotErr), faults(wantErr)) {
		t.Fatalf("%s: error %v, want %v\n%s\nto %s", context, gotErr, wantErr, wanted.Data, before)
	}
	if gotErr != nil {
		a.clashes++
		return live
	}
	if standard := a.row.Storage().Default; standard != nil { // as the server does with what comes out
		standard(got)
		standard(want)
	}
	if diff := cmp.Diff(asText(t, want), asText(t, got)); diff != "" {
		t.Fatalf("%s (-want +got)\n%s\n%s\nto %s", context, diff, wanted.Data, before)
	}
	a.same++
	return got
}

// run applies configurations to an object and has it updated in between.
func (a *appliers) run(t testing.TB, seed int64) {
	t.Helper()
	random := rand.New(rand.NewPCG(uint64(seed), 2))
	steps := history(a.row, seed)
	live := a.throughJSON(t, steps[0].obj)
	live.SetUID("")
	if random.IntN(4) > 0 { // otherwise its fields are not tracked
		created, err := a.fast.Update(a.row, a.kind, a.row.Storage().New(), live, "creator", "")
		if err != nil {
			return
		}
		live = created
	}
	if random.IntN(4) > 0 { // otherwise it is not there yet
		live.SetUID("1")
	}
	var last []byte
	for i, s := range append(steps, steps...) {
		context := fmt.Sprintf("%s, seed %d, step %d", a.row.Kind, seed, i)
		if random.IntN(4) == 0 {
			next := a.throughJSON(t, s.obj)
			next.SetUID(live.GetUID())
			next.SetManagedFields(live.GetManagedFields())
			if updated, err := a.fast.Update(a.row, a.kind, live, next, s.manager, s.subresource); err == nil {
				live = updated
			}
		}
		if last == nil || random.IntN(3) > 0 {
			last = a.configuration(t, s.obj, random)
		}
		wanted := Configuration{Data: last, Manager: []string{"one", "two", lastAppliedManager}[random.IntN(3)], Force: random.IntN(3) > 0, Subresource: s.subresource}
		if wanted.Manager == lastAppliedManager && random.IntN(2) == 0 {
			annotations := map[string]string{corev1.LastAppliedConfigAnnotation: string(a.configuration(t, live, random))}
			live = live.DeepCopyObject().(resource.Object)
			live.SetAnnotations(annotations)
		}
		live = a.apply(t, live, wanted, context)
		live.GetObjectKind().SetGroupVersionKind(a.kind)
	}
}

// throughJSON is an object without what JSON does not keep, like pointers to no time, and without what is there twice.
func (a *appliers) throughJSON(t testing.TB, obj resource.Object) resource.Object {
	t.Helper()
	data, err := json.Marshal(a.members(t, obj))
	if err != nil {
		t.Fatal(err)
	}
	into := a.row.Storage().New()
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
	into.GetObjectKind().SetGroupVersionKind(a.kind)
	into.SetManagedFields(nil)
	return into
}

// What is applied by plans has the effect that structured-merge-diff has.
func TestApplySameAsReference(t *testing.T) {
	scheme := apis.NewScheme()
	fast, slow := New(scheme), &Generic{Scheme: scheme}
	same, clashes, other := 0, 0, 0
	for i, row := range kindsUnderTest(t) {
		a := newAppliers(t, fast, slow, row)
		a.run(t, int64(i))
		same, clashes, other = same+a.same, clashes+a.clashes, other+a.other
	}
	t.Logf("%d applied, %d refused, %d not by plans", same, clashes, other)
	if same < 200 || clashes < 20 || other > same/2 {
		t.Errorf("only %d configurations could be applied and %d were refused by plans, %d neither", same, clashes, other)
	}
}

func FuzzApplySameAsReference(f *testing.F) {
	scheme := apis.NewScheme()
	fast, slow := New(scheme), &Generic{Scheme: scheme}
	rows := kindsUnderTest(f)
	for seed := range int64(8) {
		f.Add(uint8(seed*7), seed)
	}
	f.Fuzz(func(t *testing.T, kind uint8, seed int64) {
		newAppliers(t, fast, slow, rows[int(kind)%len(rows)]).run(t, seed)
	})
}

// faults are the lines of an error, whose order differs from time to time.
func faults(err error) []string {
	lines := strings.Split(fmt.Sprint(err), "\n")
	slices.Sort(lines)
	return lines
}

func asText(t testing.TB, obj resource.Object) string {
	t.Helper()
	copied := obj.DeepCopyObject().(resource.Object)
	list := copied.GetManagedFields()
	for i := range list {
		if list[i].Time != nil { // whether there is one, but a second may begin between two that are compared
			list[i].Time = &metav1.Time{}
		}
	}
	slices.SortFunc(list, func(a, b metav1.ManagedFieldsEntry) int { return strings.Compare(a.String(), b.String()) })
	copied.SetManagedFields(list)
	data, err := json.MarshalIndent(copied, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for _, one := range list {
		text += fmt.Sprintf("\n%s %s at some time: %t", one.Manager, one.Operation, one.Time != nil)
	}
	return text
}
