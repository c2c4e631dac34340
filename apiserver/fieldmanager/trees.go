package fieldmanager

import (
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/paths"
)

// The managed fields of an object without a Go type are maps, which need not go through JSON to become sets, nor sets to become maps.

// Names that every object has.
const (
	metadataName      = "metadata"
	managedFieldsName = "managedFields"
)

// treesOf are the entries of such an object. It returns false for others, and for entries of which there are none or that are odd.
func treesOf(obj resource.Object) (entries, bool) {
	u, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return nil, false
	}
	meta, _ := u.Object[metadataName].(map[string]any)
	list, _ := meta[managedFieldsName].([]any)
	if len(list) == 0 {
		return nil, false
	}
	out := make(entries, 0, len(list)+1)
	for _, each := range list {
		one, ok := treeOf(each)
		if !ok || out.find(one.id) != nil {
			return nil, false
		}
		out = append(out, one)
	}
	return out, true
}

func treeOf(of any) (*entry, bool) {
	members, ok := of.(map[string]any)
	if !ok {
		return nil, false
	}
	one, said := &entry{parsed: true}, ""
	for name, value := range members {
		if name == "fieldsV1" {
			one.tree, ok = value.(map[string]any)
		} else if said, ok = value.(string); ok {
			switch name {
			case "manager":
				one.manager = said
			case "operation":
				one.operation = metav1.ManagedFieldsOperationType(said)
			case "apiVersion":
				one.version = said
			case "subresource":
				one.subresource = said
			case "time":
				at, err := time.Parse(time.RFC3339, said)
				one.time, ok = &metav1.Time{Time: at.Local()}, err == nil && !at.IsZero()
			case "fieldsType":
				ok = said == "FieldsV1"
			default:
				ok = false
			}
		}
		if !ok {
			return nil, false
		}
	}
	isKnown := one.operation == metav1.ManagedFieldsOperationApply || one.operation == metav1.ManagedFieldsOperationUpdate
	if !isKnown || one.version == "" || members["fieldsType"] == nil || one.tree == nil {
		return nil, false
	}
	one.fields, ok = paths.FromTree(one.tree)
	return one, ok
}

// writeTo gives an object the list of managed fields, in its order.
func (e entries) writeTo(obj resource.Object) {
	u, ok := obj.(*unstructured.Unstructured)
	meta, hasMeta := map[string]any(nil), false
	if ok {
		meta, hasMeta = u.Object[metadataName].(map[string]any)
	}
	if !hasMeta || len(e) == 0 || slices.ContainsFunc(e, func(one *entry) bool { return !one.parsed || one.time != nil && one.time.IsZero() }) {
		obj.SetManagedFields(e.write())
		return
	}
	sorted := slices.Clone(e)
	slices.SortFunc(sorted, func(a, b *entry) int { return compareEntries(a.bare(), b.bare()) })
	list := make([]any, len(sorted))
	for i, one := range sorted {
		list[i] = one.members()
	}
	meta[managedFieldsName] = list
}

// bare is an entry without its fields.
func (e *entry) bare() metav1.ManagedFieldsEntry {
	return metav1.ManagedFieldsEntry{Manager: e.manager, Operation: e.operation, APIVersion: e.version, Time: e.time, Subresource: e.subresource}
}

func (e *entry) members() map[string]any {
	if e.tree == nil {
		e.tree = e.fields.Tree()
	}
	out := map[string]any{"operation": string(e.operation), "apiVersion": e.version, "fieldsType": "FieldsV1", "fieldsV1": e.tree}
	if e.manager != "" {
		out["manager"] = e.manager
	}
	if e.subresource != "" {
		out["subresource"] = e.subresource
	}
	if e.time != nil {
		out["time"] = e.time.UTC().Format(time.RFC3339)
	}
	return out
}
