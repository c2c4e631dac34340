package apiserver

import (
	"context"
	"net/http"
	"slices"
	"sync"

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
		return c.serveLive(c.componentStatuses)
	}
	if live := c.Live[c.GroupResource()]; live != nil {
		return c.serveLive(live)
	}
	if c.Info.Verb != "create" || !c.fitsPath() {
		return refusal.Method()
	}
	return c.createVirtual()
}

// createVirtual answers an object that is sent, defaulted and admitted like any other, by another one.
func (c dispatch) createVirtual() error {
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
	if err := c.Admission.Ask(c.Context(), attributes); err != nil {
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
	name := c.Info.Name
	if c.Info.Verb == "list" {
		name = "" // a selector may name one that is not there
	}
	found, err := live(c.Context(), c.Info.Namespace, name)
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

// Component is a part of the control plane of which ComponentStatuses tell.
type Component struct {
	Name string
	// Check returns what it says when it is well, or why it is not.
	Check func(ctx context.Context) (string, error)
}

// componentStatuses finds out about the parts of the control plane, all at a time: those that the server is given, and its store.
func (s *Server) componentStatuses(ctx context.Context, _, name string) ([]resource.Object, error) {
	asked := append(slices.Clone(s.Components), Component{Name: "etcd-0"})
	if name != "" {
		asked = slices.DeleteFunc(asked, func(c Component) bool { return c.Name != name })
		if len(asked) == 0 {
			return nil, apierrors.NewNotFound(corev1.Resource("componentstatus"), name)
		}
	}
	found := make([]resource.Object, len(asked))
	var asking sync.WaitGroup
	for i, component := range asked {
		asking.Go(func() {
			healthy := corev1.ComponentCondition{Type: corev1.ComponentHealthy, Status: corev1.ConditionTrue, Message: "ok"}
			var err error
			if component.Check == nil {
				if err = s.Store.Healthy(ctx); err != nil {
					healthy.Message, healthy.Error = "", err.Error()
				}
			} else if healthy.Message, err = component.Check(ctx); err != nil {
				healthy.Message = err.Error()
			}
			if err != nil {
				healthy.Status = corev1.ConditionFalse
			}
			found[i] = &corev1.ComponentStatus{ObjectMeta: metav1.ObjectMeta{Name: component.Name}, Conditions: []corev1.ComponentCondition{healthy}}
		})
	}
	asking.Wait()
	return found, nil
}
