package scale

import (
	"context"
	"encoding/json"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// admitAs has admission see a change as one of a Scale: the one that was sent, or that of the object where none was.
func (c Verbs) admitAs(sent func() *autoscalingv1.Scale) func(context.Context, *admission.Attributes, resource.Object) (resource.Object, error) {
	return func(ctx context.Context, a *admission.Attributes, obj resource.Object) (resource.Object, error) {
		return obj, c.admitScale(ctx, a, obj, sent())
	}
}

// admitScale lets admission change the replicas of an object.
func (c Verbs) admitScale(ctx context.Context, a *admission.Attributes, obj resource.Object, scale *autoscalingv1.Scale) error {
	old, ok := a.Old.(resource.Object)
	if !ok {
		return fmt.Errorf("admitting a scale of a %T", a.Old)
	}
	if scale == nil {
		scale = c.scaleOf(obj)
	}
	scale.SetGroupVersionKind(c.GVK())
	scale.ManagedFields = scaleManagers(c.GVK(), obj.GetManagedFields())
	was := c.scaleOf(old)
	was.Spec.Replicas = max(was.Spec.Replicas, 0) // it may have said nothing
	was.ManagedFields = scaleManagers(c.GVK(), old.GetManagedFields())
	a.Object, a.Old = scale, was
	if err := c.Admission.Admit(ctx, a); err != nil {
		return err
	}
	if admitted, ok := a.Object.(*autoscalingv1.Scale); ok {
		c.Sub.Scale.SetReplicas(obj, admitted.Spec.Replicas)
	}
	return nil
}

// scaleManagers are those who manage the replicas, as managers of a Scale.
func scaleManagers(kind schema.GroupVersionKind, all []metav1.ManagedFieldsEntry) []metav1.ManagedFieldsEntry {
	var managers []metav1.ManagedFieldsEntry
	for _, entry := range all {
		var owned struct {
			Spec struct {
				Replicas *struct{} `json:"f:replicas"`
			} `json:"f:spec"`
		}
		if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.GetRawBytes(), &owned) != nil || owned.Spec.Replicas == nil {
			continue
		}
		entry.APIVersion, entry.FieldsV1 = kind.GroupVersion().String(), &metav1.FieldsV1{Raw: []byte(`{"f:spec":{"f:replicas":{}}}`)}
		managers = append(managers, entry)
	}
	return managers
}
