package fieldmanager

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// configurationOf takes some members of an object, and some of theirs, as what somebody wants.
func configurationOf(t *testing.T, obj resource.Object, kind schema.GroupVersionKind, random *rand.Rand) []byte {
	t.Helper()
	data, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	var members map[string]any
	if err := json.Unmarshal(data, &members); err != nil {
		t.Fatal(err)
	}
	wanted := map[string]any{"apiVersion": kind.GroupVersion().String(), "kind": kind.Kind}
	for name, value := range members {
		if name == "apiVersion" || name == "kind" || random.IntN(2) == 0 {
			continue
		}
		if parts, ok := value.(map[string]any); ok {
			for key := range parts {
				if random.IntN(2) == 0 || name == "metadata" {
					delete(parts, key)
				}
			}
		}
		wanted[name] = value
	}
	wanted["metadata"] = map[string]any{"name": "x", "labels": map[string]any{"a": fmt.Sprint(random.IntN(3))}}
	if data, err = json.Marshal(wanted); err != nil {
		t.Fatal(err)
	}
	return data
}

// What is applied to a part of an object has the effect that it has on all of it.
func TestApplyToAPartIsApplyToAll(t *testing.T) {
	scheme := apis.NewScheme()
	fast, slow := New(scheme), &Generic{Scheme: scheme, whole: true}
	same := 0
	for _, row := range kindsUnderTest(t) {
		kind := row.GroupVersionKind(row.Storage().Name)
		for seed := range int64(3) {
			random := rand.New(rand.NewPCG(uint64(seed), 2))
			steps := history(row, seed)
			live := throughJSON(t, steps[0].obj, row.Storage().New())
			live.GetObjectKind().SetGroupVersionKind(kind)
			live.SetManagedFields(nil)
			live.SetUID("")
			live, err := fast.Update(row, kind, row.Storage().New(), live, "creator", "")
			if err != nil {
				continue
			}
			live.SetUID("1")
			for _, s := range steps {
				wanted := Configuration{Data: configurationOf(t, s.obj, kind, random), Manager: fmt.Sprint("applier-", random.IntN(2)), Force: random.IntN(3) > 0}
				before := asText(t, live)
				got, gotErr := fast.Apply(row, kind, live, wanted)
				want, wantErr := slow.Apply(row, kind, live, wanted)
				if asText(t, live) != before {
					t.Fatalf("%s, seed %d: the live object was changed", row.Kind, seed)
				}
				if !slices.Equal(faults(gotErr), faults(wantErr)) {
					t.Fatalf("%s, seed %d: error %v, want %v\n%s\nto %s", row.Kind, seed, gotErr, wantErr, wanted.Data, before)
				}
				if gotErr != nil {
					continue
				}
				if standard := row.Storage().Default; standard != nil { // as the server does with what comes out
					standard(got)
					standard(want)
				}
				if diff := cmp.Diff(asText(t, want), asText(t, got)); diff != "" {
					t.Fatalf("%s, seed %d (-want +got)\n%s\n%s\nto %s", row.Kind, seed, diff, wanted.Data, before)
				}
				same++
				live = got
			}
		}
	}
	if same < 50 {
		t.Errorf("only %d configurations could be applied", same)
	}
}

// faults are the lines of an error, whose order differs from time to time.
func faults(err error) []string {
	lines := strings.Split(fmt.Sprint(err), "\n")
	slices.Sort(lines)
	return lines
}

// throughJSON is an object without what JSON does not keep, like pointers to no time.
func throughJSON(t *testing.T, obj, into resource.Object) resource.Object {
	t.Helper()
	data, err := json.Marshal(obj)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, into); err != nil {
		t.Fatal(err)
	}
	return into
}

func asText(t *testing.T, obj resource.Object) string {
	t.Helper()
	copied := obj.DeepCopyObject().(resource.Object)
	list := copied.GetManagedFields()
	for i := range list {
		list[i].Time = nil
	}
	// A second may begin between two that are compared, and they are in the order of their times.
	slices.SortFunc(list, func(a, b metav1.ManagedFieldsEntry) int { return strings.Compare(a.String(), b.String()) })
	copied.SetManagedFields(list)
	data, err := json.MarshalIndent(copied, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}
