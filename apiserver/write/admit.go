package write

import (
	"context"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"k8s.io/apimachinery/pkg/version"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
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
func (c Verbs) admit(ctx context.Context, a *admission.Attributes, obj resource.Object) (resource.Object, error) {
	before := managersOf(obj)
	if err := c.Admission.Admit(ctx, a); err != nil {
		return nil, err
	}
	admitted, ok := a.Object.(resource.Object)
	if !ok {
		return nil, fmt.Errorf("admission made a %T of a %T", a.Object, obj)
	}
	c.nameOwnersOnce(admitted, afterAdmission)
	if before.same(managersOf(admitted)) {
		return admitted, nil // reading them all again costs more than the rest of admission
	}
	if err := managedfields.ValidateManagedFields(admitted.GetManagedFields()); err != nil {
		before.restore(admitted)
		warning.Add(ctx, ".metadata.managedFields was in an invalid state after admission; this could be caused by an outdated mutating admission controller; please fix your requests: "+err.Error())
	}
	return admitted, nil
}

// typer is a field manager that knows how values are merged.
type typer interface {
	Types(row *resource.Resource) (managedfields.TypeConverter, error)
}

// forms are the versions of a custom resource.
func (c Verbs) forms() []admission.Form {
	var all []admission.Form
	for _, at := range c.Served.Now().Endpoints {
		if at.Custom == nil || at.Row.GroupResource() != c.GroupResource() {
			continue
		}
		all = append(all, admission.Form{
			Row:  at.Row,
			Show: func(obj resource.Object) (resource.Object, error) { return at.InVersion(c.Context(), obj) },
			Accept: func(obj resource.Object) error {
				_, err := at.Custom.Codec.Accept(obj)
				return err
			},
		})
	}
	slices.SortFunc(all, func(a, b admission.Form) int {
		return -version.CompareKubeAwareVersionStrings(a.Row.Versions[0].Name, b.Row.Versions[0].Name)
	})
	return all
}

// Attributes of the write, as admission sees it.
func (c Verbs) Attributes(operation admission.Operation, obj, old resource.Object, options call.WriteOptions) *admission.Attributes {
	a := &admission.Attributes{
		Operation: operation, Resource: c.At.Row, Version: c.At.Version.Name, Kind: c.GVK(), Subresource: c.Info.Subresource, Namespace: c.Info.Namespace, Name: c.Info.Name,
		Options: optionsFor(operation, options.All), DryRun: options.DryRun, User: c.User, Warn: func(text string) { warning.Add(c.Context(), text) },
		Annotate: func(key, value string) { audit.Annotate(c.Context(), key, value) },
	}
	if c.At.Custom != nil {
		a.Forms = c.forms
	}
	if types, ok := c.Fields().(typer); ok {
		a.Types = func() (managedfields.TypeConverter, error) { return types.Types(c.At.Row) }
	}
	if obj != nil {
		a.Object = obj
		if a.Name == "" {
			a.Name = obj.GetName()
		}
	}
	if old != nil {
		a.Old = old
	}
	return a
}
