package custom

import (
	"context"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

const (
	metadataField = "metadata"
	statusField   = "status"
)

// prepareCreate drops the status where that is written on its own path.
func (v *Version) prepareCreate(_ context.Context, obj resource.Object) {
	if v.hasStatus() {
		delete(content(obj), statusField)
	}
	obj.SetGeneration(1)
}

// prepareUpdate keeps the status where that is written on its own path, and counts changes of all but metadata.
func (v *Version) prepareUpdate(_ context.Context, obj, old resource.Object) {
	if v.hasStatus() {
		restore(content(obj), content(old), statusField)
	}
	if !equality.Semantic.DeepEqual(without(content(obj), metadataField), without(content(old), metadataField)) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
}

// prepareStatus keeps all but the status.
func (v *Version) prepareStatus(_ context.Context, obj, old resource.Object) {
	now, before := content(obj), content(old)
	managed := obj.GetManagedFields()
	for name := range now {
		if name != statusField {
			delete(now, name)
		}
	}
	for name := range before {
		if name != statusField {
			restore(now, before, name)
		}
	}
	obj.SetManagedFields(managed)
}

// restore takes a field back from old.
func restore(now, old map[string]any, name string) {
	value, found := old[name]
	if !found {
		delete(now, name)
		return
	}
	now[name] = (&unstructured.Unstructured{Object: map[string]any{name: value}}).DeepCopy().Object[name]
}

func content(obj resource.Object) map[string]any { return obj.(*unstructured.Unstructured).Object }

// without is a shallow copy without one field.
func without(object map[string]any, name string) map[string]any {
	rest := make(map[string]any, len(object))
	for key, value := range object {
		if key != name {
			rest[key] = value
		}
	}
	return rest
}

func (v *Version) subresources() []resource.Subresource {
	var all []resource.Subresource
	if v.hasStatus() {
		all = append(all, resource.Subresource{
			Name: statusField, PrepareUpdate: v.prepareStatus, ValidateUpdate: v.validateStatus,
			ResetFields: v.resetByStatus(),
		})
	}
	if s := v.spec().Subresources; s != nil && s.Scale != nil {
		all = append(all, resource.Subresource{
			Name: "scale", GroupVersionKind: autoscalingv1.SchemeGroupVersion.WithKind("Scale"), Scale: v.scale(),
		})
	}
	return all
}

// resetByStatus are the fields that a write of the status does not change: all but the status.
func (v *Version) resetByStatus() [][]string {
	return [][]string{{"spec"}, {metadataField, "labels"}, {metadataField, "annotations"}, {metadataField, "finalizers"}, {metadataField, "ownerReferences"}}
}

// scale reads and writes the count of replicas where the definition says that it is.
func (v *Version) scale() *resource.Scale {
	given := v.spec().Subresources.Scale
	count := func(obj resource.Object, at string, none int32) int32 {
		n, found, _ := unstructured.NestedInt64(content(obj), path(at)...)
		if !found {
			return none
		}
		return int32(n)
	}
	s := &resource.Scale{
		Path: path(given.SpecReplicasPath),
		Replicas: func(obj resource.Object) (int32, int32) {
			return count(obj, given.SpecReplicasPath, resource.NoReplicas), count(obj, given.StatusReplicasPath, 0)
		},
		SetReplicas: func(obj resource.Object, replicas int32) {
			_ = unstructured.SetNestedField(content(obj), int64(replicas), path(given.SpecReplicasPath)...)
		},
	}
	if given.LabelSelectorPath != nil && *given.LabelSelectorPath != "" {
		s.StatusSelector = func(obj resource.Object) string {
			text, _, _ := unstructured.NestedString(content(obj), path(*given.LabelSelectorPath)...)
			return text
		}
	}
	return s
}

var _ metav1.Object = &unstructured.Unstructured{}

// selectable are the fields by which clients may select.
func (v *Version) selectable() ([]string, func(resource.Object) fields.Set) {
	if len(v.spec().SelectableFields) == 0 {
		return nil, nil
	}
	names := make([]string, len(v.spec().SelectableFields))
	for i, selectable := range v.spec().SelectableFields {
		names[i] = selectable.JSONPath[1:]
	}
	return names, func(obj resource.Object) fields.Set {
		set := fields.Set{}
		for _, name := range names {
			set[name] = textAt(content(obj), path(name))
		}
		return set
	}
}
