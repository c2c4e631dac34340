package write

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/answer"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/read"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// owning is a field manager that gives an object a list of managers as it is in JSON.
type owning struct{ list []any }

func (o owning) Update(_ *resource.Resource, _ schema.GroupVersionKind, _, obj resource.Object, _, _ string) (resource.Object, error) {
	obj.(*unstructured.Unstructured).Object["metadata"].(map[string]any)["managedFields"] = o.list
	return obj, nil
}

func (owning) Apply(_ *resource.Resource, _ schema.GroupVersionKind, live resource.Object, _ fieldmanager.Configuration) (resource.Object, error) {
	return live, nil
}

// The managed fields of a custom resource are maps, and stay those that its field manager made: they do not go through JSON once more.
func TestManagedFieldsOfCustomResourcesAreNotConverted(t *testing.T) {
	row := &resource.Resource{Group: "example.com", Name: "hosts", Kind: "Host", StoragePrefix: "example.com/hosts", StorageVersion: "v1", Versions: []resource.Version{{
		Name: "v1", New: func() resource.Object { return &unstructured.Unstructured{Object: map[string]any{}} },
	}}}
	served := &kinds.Served{Watched: cache.New(nil)}
	list := []any{map[string]any{"manager": "a", "operation": "Update", "apiVersion": "example.com/v1", "fieldsType": "FieldsV1", "fieldsV1": map[string]any{"f:spec": map[string]any{}}}}
	if err := served.ServeCustom(kinds.Custom{Row: row, Fields: owning{list}}); err != nil {
		t.Fatal(err)
	}
	at := served.Now().Endpoints[schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "hosts"}]
	c := Verbs{Verbs: read.Verbs{Call: &call.Call{Answer: answer.Answer{At: at}}}}
	obj := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "h"}}}
	if _, err := c.ManageFields(at.Version.New(), obj, call.WriteOptions{}, ""); err != nil {
		t.Fatal(err)
	}
	got := obj.Object["metadata"].(map[string]any)["managedFields"].([]any)
	if len(got) != 1 || &got[0] != &list[0] {
		t.Errorf("the list of managers was made again: %v", got)
	}
}

// Who manages the fields of a custom resource is compared and put back as it is kept, whoever made the object anew.
func TestManagersOfCustomResourcesAreComparedAsTheyAreKept(t *testing.T) {
	made := func(manager string) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "h", "managedFields": []any{
			map[string]any{"manager": manager, "operation": "Update", "fieldsV1": map[string]any{"f:spec": map[string]any{}}},
		}}}}
	}
	before, other := managersOf(made("a")), made("b")
	if !before.same(managersOf(made("a"))) || before.same(managersOf(other)) || before.same(managersOf(&unstructured.Unstructured{})) {
		t.Error("managers are compared wrongly")
	}
	before.restore(other)
	if got := other.GetManagedFields(); len(got) != 1 || got[0].Manager != "a" {
		t.Errorf("restored are %v", got)
	}
	none := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "h"}}}
	managersOf(none).restore(other)
	if got := other.GetManagedFields(); len(got) != 0 || !managersOf(none).same(managersOf(other)) {
		t.Errorf("restored are %v", got)
	}
	if n := testing.AllocsPerRun(10, func() { _ = before.same(managersOf(other)) }); n > 4 {
		t.Errorf("comparing makes %v allocations", n)
	}
	typed := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "a"}}}}
	list := managersOf(typed)
	if typed.ManagedFields = nil; list.same(managersOf(typed)) {
		t.Error("managers of a typed object are compared wrongly")
	}
	if list.restore(typed); len(typed.ManagedFields) != 1 {
		t.Error("managers of a typed object are not restored")
	}
}
