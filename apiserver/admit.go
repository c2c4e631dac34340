package apiserver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/version"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// optionsFor an operation, whatever the verb was by which the client asked for it.
func optionsFor(operation admission.Operation, options runtime.Object) runtime.Object {
	var dryRun []string
	var manager, validation string
	switch o := options.(type) {
	case *metav1.PatchOptions:
		dryRun, manager, validation = o.DryRun, o.FieldManager, o.FieldValidation
	case *metav1.UpdateOptions:
		if operation == admission.Update {
			return options
		}
		dryRun, manager, validation = o.DryRun, o.FieldManager, o.FieldValidation
	default:
		return options
	}
	if operation == admission.Create {
		create := &metav1.CreateOptions{DryRun: dryRun, FieldManager: manager, FieldValidation: validation}
		create.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("CreateOptions"))
		return create
	}
	update := &metav1.UpdateOptions{DryRun: dryRun, FieldManager: manager, FieldValidation: validation}
	update.SetGroupVersionKind(metav1.SchemeGroupVersion.WithKind("UpdateOptions"))
	return update
}

// admit lets admission change an object that is to be stored.
func (c *call) admit(ctx context.Context, a *admission.Attributes, obj resource.Object) (resource.Object, error) {
	before := obj.GetManagedFields()
	if err := c.Admission.Admit(ctx, a); err != nil {
		return nil, err
	}
	admitted, ok := a.Object.(resource.Object)
	if !ok {
		return nil, fmt.Errorf("admission made a %T of a %T", a.Object, obj)
	}
	c.nameOwnersOnce(admitted, afterAdmission)
	if slices.Equal(before, admitted.GetManagedFields()) {
		return admitted, nil // reading them all again costs more than the rest of admission
	}
	if err := managedfields.ValidateManagedFields(admitted.GetManagedFields()); err != nil {
		admitted.SetManagedFields(before)
		warning.Add(ctx, ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: "+err.Error())
	}
	return admitted, nil
}

// admitChanged is admit of a change. By a scale, admission sees the Scale.
func (c *call) admitChanged(ctx context.Context, a *admission.Attributes, obj resource.Object, ch change) (resource.Object, error) {
	if c.sub == nil || c.sub.Scale == nil {
		return c.admit(ctx, a, obj)
	}
	old, ok := a.Old.(resource.Object)
	if !ok {
		return nil, fmt.Errorf("admitting a scale of a %T", a.Old)
	}
	scale := c.scaleOf(obj)
	if ch.scale != nil {
		scale = ch.scale()
		scale.SetGroupVersionKind(c.gvk())
	}
	scale.ManagedFields = scaleManagers(c.gvk(), obj.GetManagedFields())
	was := c.scaleOf(old)
	was.ManagedFields = scaleManagers(c.gvk(), old.GetManagedFields())
	a.Object, a.Old = scale, was
	if err := c.Admission.Admit(ctx, a); err != nil {
		return nil, err
	}
	if admitted, ok := a.Object.(*autoscalingv1.Scale); ok {
		c.sub.Scale.SetReplicas(obj, admitted.Spec.Replicas)
	}
	return obj, nil
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

// typer is a field manager that knows how values are merged.
type typer interface {
	Types(row *resource.Resource) (managedfields.TypeConverter, error)
}

// forms are the versions of a custom resource.
func (c *call) forms() []admission.Form {
	var all []admission.Form
	for _, at := range c.kinds.Load().endpoints {
		if at.custom == nil || at.row.GroupResource() != c.groupResource() {
			continue
		}
		all = append(all, admission.Form{
			Row:  at.row,
			Show: func(obj resource.Object) (resource.Object, error) { return at.inVersion(c.ctx(), obj) },
			Accept: func(obj resource.Object) error {
				_, err := at.custom.Codec.Accept(obj)
				return err
			},
		})
	}
	slices.SortFunc(all, func(a, b admission.Form) int {
		return -version.CompareKubeAwareVersionStrings(a.Row.Versions[0].Name, b.Row.Versions[0].Name)
	})
	return all
}
