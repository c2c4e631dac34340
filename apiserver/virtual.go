package apiserver

import (
	"context"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// VirtualFunc answers the creation of an object that is never stored, given with defaults in the version of the row.
// The caller is in the context.
type VirtualFunc = func(ctx context.Context, namespace string, obj runtime.Object) (runtime.Object, error)

// LiveFunc finds the objects of a resource that is never stored: those of one namespace ("" means all), or the one of
// that name.
type LiveFunc = func(ctx context.Context, namespace, name string) ([]resource.Object, error)

func gvrOf(info *request.Info) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: info.Group, Version: info.Version, Resource: info.Resource}
}

// serveVirtual answers for resources that have no objects of their own.
func (c *call) serveVirtual() error {
	if err := c.negotiate(); err != nil {
		return err
	}
	if c.at.row.Name == "componentstatuses" && c.at.row.Group == "" {
		return c.componentStatuses()
	}
	if live := c.Live[c.groupResource()]; live != nil {
		return c.serveLive(live)
	}
	if c.info.Verb != "create" || !c.fitsPath() {
		return errMethod(c.groupResource())
	}
	options, err := c.createOptions()
	if err != nil {
		return err
	}
	obj, err := c.readObject(options)
	if err != nil {
		return err
	}
	if err := c.fitNamespace(obj); err != nil {
		return err
	}
	if c.at.version.Default != nil {
		c.at.version.Default(obj)
	}
	if obj, err = c.manageFields(c.at.version.New(), obj, options, ""); err != nil {
		return err
	}
	attributes := c.attributes(admission.Create, obj, nil, options)
	if err := c.Admission.Admit(c.ctx(), attributes); err != nil {
		return err
	}
	if err := c.Admission.Validate(c.ctx(), attributes); err != nil {
		return err
	}
	if c.at.row.Name == "bindings" && c.at.row.Group == "" {
		return c.bind(obj, options)
	}
	answer := c.Virtual[c.groupResource()]
	if answer == nil {
		return apierrors.NewMethodNotSupported(c.groupResource(), "create")
	}
	result, err := answer(c.ctx(), c.info.Namespace, obj)
	if err != nil {
		return err
	}
	result.GetObjectKind().SetGroupVersionKind(c.gvk())
	return c.writeObject(http.StatusCreated, result)
}

// serveLive answers get and list with what is found out now.
func (c *call) serveLive(live LiveFunc) error {
	if c.info.Verb != "get" && c.info.Verb != "list" {
		return errMethod(c.groupResource())
	}
	found, err := live(c.ctx(), c.info.Namespace, c.info.Name)
	if err != nil {
		return err
	}
	for _, obj := range found {
		obj.GetObjectKind().SetGroupVersionKind(c.gvk())
	}
	if c.info.Verb == "get" {
		if len(found) != 1 {
			return c.notFound(c.info.Name)
		}
		return c.writeStored(http.StatusOK, found[0])
	}
	options, err := c.listOptions()
	if err != nil {
		return err
	}
	selected, err := parseSelection(c.at.row, options.LabelSelector, options.FieldSelector)
	if err != nil {
		return err
	}
	found = slices.DeleteFunc(found, func(obj resource.Object) bool { return !selected.matches(obj) })
	return c.writeList(http.StatusOK, found, metav1.ListMeta{})
}
