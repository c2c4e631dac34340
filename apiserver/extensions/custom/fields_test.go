package custom

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/conversion"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

func versionOf(t testing.TB, text string) *Version {
	t.Helper()
	s := &apiextensionsv1.JSONSchemaProps{}
	if err := json.Unmarshal([]byte(text), s); err != nil {
		t.Fatal(err)
	}
	d := New(&apiextensionsv1.CustomResourceDefinition{Spec: apiextensionsv1.CustomResourceDefinitionSpec{
		Group: "example.com", Scope: apiextensionsv1.NamespaceScoped, Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
			Name: "v1", Served: true, Storage: true, Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: s},
			Subresources: &apiextensionsv1.CustomResourceSubresources{Status: &apiextensionsv1.CustomResourceSubresourceStatus{}},
		}}}, Status: apiextensionsv1.CustomResourceDefinitionStatus{AcceptedNames: apiextensionsv1.CustomResourceDefinitionNames{Plural: "things", Kind: "Thing", ListKind: "ThingList"}},
	}, conversion.None{})
	return d.versions["v1"]
}

// contest is a plan and structured-merge-diff doing the same. It notices what the plan leaves to the other.
type contest struct {
	v                    *Version
	fast                 *fieldmanager.Managers
	same, clashes, other int
	updated, left        int
	fallen               bool
}

var errFallen = errors.New("left to structured-merge-diff")

// Update implements fieldmanager.Reference.
func (c *contest) Update(*resource.Resource, schema.GroupVersionKind, resource.Object, resource.Object, string, string) (resource.Object, error) {
	c.fallen = true
	return nil, errFallen
}

// Apply implements fieldmanager.Reference.
func (c *contest) Apply(*resource.Resource, schema.GroupVersionKind, resource.Object, fieldmanager.Configuration) (resource.Object, error) {
	c.fallen = true
	return nil, errFallen
}

func newContest(t testing.TB, text string) *contest {
	t.Helper()
	c := &contest{v: versionOf(t, text)}
	c.fast = fieldmanager.NewCustom(fieldmanager.Custom{Form: c.v.fields.form, Reset: c.v.resetPaths, Reference: c})
	return c
}

func shown(t testing.TB, obj resource.Object) string {
	t.Helper()
	u := obj.(*unstructured.Unstructured).DeepCopy()
	list := u.GetManagedFields()
	text := ""
	for i := range list {
		text += fmt.Sprintf("\n%s %s at some time: %t", list[i].Manager, list[i].Operation, list[i].Time != nil)
		if list[i].Time != nil {
			list[i].Time = &metav1.Time{}
		}
	}
	slices.SortFunc(list, func(a, b metav1.ManagedFieldsEntry) int { return strings.Compare(a.String(), b.String()) })
	u.SetManagedFields(list)
	data, err := json.MarshalIndent(u.Object, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(text, "\n")
	slices.Sort(lines)
	return string(data) + strings.Join(lines, "\n")
}

func (c *contest) update(t testing.TB, live, obj *unstructured.Unstructured, manager, subresource, context string) *unstructured.Unstructured {
	t.Helper()
	before := shown(t, live)
	c.fallen = false
	got, gotErr := c.fast.Update(c.v.Row(), c.v.kind, live, obj.DeepCopy(), manager, subresource)
	if shown(t, live) != before {
		t.Fatalf("%s: the live object was changed", context)
	}
	want, wantErr := byTrees{c.v}.Update(nil, c.v.kind, live, obj.DeepCopy(), manager, subresource)
	c.updated++
	if c.fallen {
		c.left++
		got, gotErr = want, wantErr
	}
	if (gotErr == nil) != (wantErr == nil) {
		t.Fatalf("%s: error %v, want %v\n%s", context, gotErr, wantErr, before)
	}
	if gotErr != nil {
		return obj
	}
	if diff := cmp.Diff(shown(t, want), shown(t, got)); diff != "" {
		t.Fatalf("%s: update (-want +got)\n%s\nfrom %s\nto %s", context, diff, before, shown(t, obj))
	}
	return want.(*unstructured.Unstructured)
}

func (c *contest) apply(t testing.TB, live *unstructured.Unstructured, wanted fieldmanager.Configuration, context string) *unstructured.Unstructured {
	t.Helper()
	before := shown(t, live)
	c.fallen = false
	got, gotErr := c.fast.Apply(c.v.Row(), c.v.kind, live, wanted)
	if shown(t, live) != before {
		t.Fatalf("%s: the live object was changed", context)
	}
	want, wantErr := byTrees{c.v}.Apply(nil, c.v.kind, live, wanted)
	if c.fallen {
		if c.other++; wantErr != nil {
			return live
		}
		return want.(*unstructured.Unstructured)
	}
	if faults(gotErr) != faults(wantErr) {
		t.Fatalf("%s: error %v, want %v\n%s\nto %s", context, gotErr, wantErr, wanted.Data, before)
	}
	if gotErr != nil {
		c.clashes++
		return live
	}
	c.v.setDefaults(got)
	c.v.setDefaults(want) // what nothing changed is as it was
	if diff := cmp.Diff(shown(t, want), shown(t, got)); diff != "" {
		t.Fatalf("%s: apply (-want +got)\n%s\n%s\nto %s", context, diff, wanted.Data, before)
	}
	c.same++
	return want.(*unstructured.Unstructured)
}

// faults are the lines of an error, whose order differs from time to time.
func faults(err error) string {
	lines := strings.Split(fmt.Sprint(err), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// run updates an object and applies configurations to it.
func (c *contest) run(t testing.TB, seed uint64) {
	t.Helper()
	m := maker{rand.New(rand.NewPCG(seed, 3))}
	live := m.object()
	if m.IntN(4) > 0 {
		live = c.update(t, &unstructured.Unstructured{Object: map[string]any{"apiVersion": "example.com/v1", "kind": "Thing"}}, live, "creator", "", fmt.Sprint("seed ", seed))
	}
	if m.IntN(4) > 0 {
		live.SetUID("1")
	}
	for i := range 12 {
		context, subresource := fmt.Sprintf("seed %d, step %d", seed, i), []string{"", "", "status"}[m.IntN(3)]
		next := &unstructured.Unstructured{Object: m.changed(live.Object, m.object().Object)}
		next.SetUID(live.GetUID())
		next.SetManagedFields(live.GetManagedFields())
		if m.IntN(3) == 0 {
			live = c.update(t, live, next, fmt.Sprint("manager-", m.IntN(3)), subresource, context)
			continue
		}
		next.SetManagedFields(nil)
		wanted := m.wish(next.Object).(map[string]any)
		wanted["apiVersion"], wanted["kind"] = "example.com/v1", "Thing"
		data, err := json.Marshal(wanted)
		if err != nil {
			t.Fatal(err)
		}
		live = c.apply(t, live, fieldmanager.Configuration{Data: data, Manager: []string{"one", "two", "kubectl"}[m.IntN(3)], Force: m.IntN(3) > 0, Subresource: subresource}, context)
	}
}

// What plans make of custom resources is what structured-merge-diff makes of them.
func TestSameAsReference(t *testing.T) {
	c := newContest(t, everything)
	for seed := range uint64(30) {
		c.run(t, seed)
	}
	t.Logf("%d applied, %d refused, %d not by plans; %d updated, %d of them not by plans", c.same, c.clashes, c.other, c.updated, c.left)
	if c.same < 100 || c.clashes < 5 || c.other > c.same/2 || c.left > c.updated/4 {
		t.Errorf("only %d configurations could be applied and %d were refused by plans, %d neither", c.same, c.clashes, c.other)
	}
}

func FuzzSameAsReference(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed)
	}
	c := newContest(f, everything)
	f.Fuzz(func(t *testing.T, seed uint64) { c.run(t, seed) })
}
