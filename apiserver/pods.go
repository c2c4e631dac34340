package apiserver

import (
	"context"
	"fmt"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/pods"
)

// serveBinding puts a pod on a node.
func (c *call) serveBinding() error {
	options, err := c.createOptions()
	if err != nil {
		return err
	}
	binding := &corev1.Binding{}
	if err := c.readInto(binding, c.gvk(), options); err != nil {
		return err
	}
	if err := c.fitNamespace(binding); err != nil {
		return err
	}
	if binding.Name != "" && binding.Name != c.info.Name {
		return apierrors.NewBadRequest(fmt.Sprintf("the name of the object (%s) does not match the name on the URL (%s)", binding.Name, c.info.Name))
	}
	binding.Name = c.info.Name
	attributes := c.attributes(admission.Create, binding, nil, options)
	if err := c.Admission.Admit(c.ctx(), attributes); err != nil {
		return err
	}
	if err := c.Admission.Validate(c.ctx(), attributes); err != nil {
		return err
	}
	return c.bindPod(binding, options)
}

// bind answers the older way to bind: the creation of a Binding.
func (c *call) bind(obj resource.Object, options writeOptions) error {
	at := c.kinds.Load().endpoints[schema.GroupVersionResource{Version: "v1", Resource: "pods"}]
	if at == nil {
		return unavailable("pods are not served")
	}
	info := *c.info
	info.Resource, info.Name = "pods", obj.GetName()
	onPod := *c
	onPod.at, onPod.info = at, &info
	return onPod.bindPod(obj.(*corev1.Binding), options)
}

func (c *call) bindPod(binding *corev1.Binding, options writeOptions) error {
	if errs := pods.CheckBinding(binding); len(errs) > 0 {
		return plainError(http.StatusInternalServerError, errs.ToAggregate().Error())
	}
	c.sub = &resource.Subresource{Name: "binding"}
	_, _, err := c.do(c.ctx(), change{
		name: binding.Name, options: options, unconditional: true,
		apply: func(_ context.Context, now current) (resource.Object, error) {
			pod := now.object.DeepCopyObject().(*corev1.Pod)
			return pod, pods.Bind(pod, binding, metav1.NewTime(c.Clock.Now()))
		},
	})
	if err != nil {
		return err
	}
	return c.writeObject(http.StatusCreated, &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess, Code: http.StatusCreated,
	})
}
