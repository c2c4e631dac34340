package apiserver

import (
	"context"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// VirtualFunc answers the creation of an object that is never stored, given with defaults in the version of the row.
// The caller is in the context.
type VirtualFunc = func(ctx context.Context, namespace string, obj runtime.Object) (runtime.Object, error)

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
