package apiserver

import (
	"context"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/pods"
	"github.com/coxswain-k8s/coxswain/apiserver/read"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// VirtualFunc answers the creation of an object that is never stored, given with defaults in the version of the row.
// The caller is in the context.
type VirtualFunc = func(ctx context.Context, namespace string, obj runtime.Object) (runtime.Object, error)

// LiveFunc finds the objects of a resource that is never stored: those of one namespace ("" means all), or the one of
// that name.
type LiveFunc = func(ctx context.Context, namespace, name string) ([]resource.Object, error)

// serveVirtual answers for resources that have no objects of their own.
func (c dispatch) serveVirtual() error {
	if err := c.Negotiate(); err != nil {
		return err
	}
	if c.At.Row.Name == "componentstatuses" && c.At.Row.Group == "" {
		return c.componentStatuses()
	}
	if live := c.Live[c.GroupResource()]; live != nil {
		return c.serveLive(live)
	}
	if c.Info.Verb != "create" || !c.fitsPath() {
		return refusal.Method()
	}
	options, err := c.CreateOptions()
	if err != nil {
		return err
	}
	obj, err := c.ReadObject(options)
	if err != nil {
		return err
	}
	if err := c.FitNamespace(obj); err != nil {
		return err
	}
	if c.At.Version.Default != nil {
		c.At.Version.Default(obj)
	}
	if obj, err = c.ManageFields(c.At.Version.New(), obj, options, ""); err != nil {
		return err
	}
	attributes := c.Attributes(admission.Create, obj, nil, options)
	if err := c.Admission.Admit(c.Context(), attributes); err != nil {
		return err
	}
	if err := c.Admission.Validate(c.Context(), attributes); err != nil {
		return err
	}
	if c.At.Row.Name == "bindings" && c.At.Row.Group == "" {
		return pods.Verbs{Verbs: c.Verbs}.BindNamed(obj, options)
	}
	answer := c.Virtual[c.GroupResource()]
	if answer == nil {
		return apierrors.NewMethodNotSupported(c.GroupResource(), "create")
	}
	result, err := answer(c.Context(), c.Info.Namespace, obj)
	if err != nil {
		return err
	}
	result.GetObjectKind().SetGroupVersionKind(c.GVK())
	return c.WriteObject(http.StatusCreated, result)
}

// serveLive answers get and list with what is found out now.
func (c dispatch) serveLive(live LiveFunc) error {
	if c.Info.Verb != "get" && c.Info.Verb != "list" {
		return refusal.Method()
	}
	found, err := live(c.Context(), c.Info.Namespace, c.Info.Name)
	if err != nil {
		return err
	}
	for _, obj := range found {
		obj.GetObjectKind().SetGroupVersionKind(c.GVK())
	}
	if c.Info.Verb == "get" {
		if len(found) != 1 {
			return c.NotFound(c.Info.Name)
		}
		return c.WriteStored(http.StatusOK, found[0])
	}
	options, err := c.ListOptions()
	if err != nil {
		return err
	}
	selected, err := read.ParseSelection(c.At.Row, options.LabelSelector, options.FieldSelector)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(obj resource.Object) bool { return !selected.Matches(obj) })
	return c.WriteList(http.StatusOK, found, metav1.ListMeta{})
}

// componentStatuses answers the deprecated listing of the parts of the control plane.
func (c dispatch) componentStatuses() error {
	status := &corev1.ComponentStatus{
		TypeMeta: metav1.TypeMeta{Kind: "ComponentStatus", APIVersion: "v1"}, ObjectMeta: metav1.ObjectMeta{Name: "etcd-0"},
		Conditions: []corev1.ComponentCondition{{Type: corev1.ComponentHealthy, Status: corev1.ConditionTrue, Message: "ok"}},
	}
	if err := c.Store.Healthy(c.Context()); err != nil {
		status.Conditions[0] = corev1.ComponentCondition{Type: corev1.ComponentHealthy, Status: corev1.ConditionFalse, Error: err.Error()}
	}
	switch {
	case c.Info.Verb == "list":
		return c.WriteList(http.StatusOK, []resource.Object{status}, metav1.ListMeta{})
	case c.Info.Verb == "get" && c.Info.Name == status.Name:
		return c.WriteStored(http.StatusOK, status)
	case c.Info.Verb == "get":
		return apierrors.NewNotFound(corev1.Resource(c.At.Row.Singular), c.Info.Name)
	}
	return refusal.Method()
}
