package pods

import (
	"context"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/write"
)

// Verbs bind and evict, on one request.
type Verbs struct{ write.Verbs }

// Bind puts a pod on a node.
func (c Verbs) Bind() error {
	options, err := c.CreateOptions()
	if err != nil {
		return err
	}
	binding := &corev1.Binding{}
	if err := c.ReadInto(binding, c.GVK(), options); err != nil {
		return err
	}
	if err := c.FitNamespace(binding); err != nil {
		return err
	}
	if binding.Name != c.Info.Name {
		return apierrors.NewBadRequest("name in URL does not match name in Binding object")
	}
	attributes := c.Attributes(admission.Create, binding, nil, options)
	if err := c.Admission.Ask(c.Context(), attributes); err != nil {
		return err
	}
	return c.bind(binding, options)
}

// BindNamed answers the older way to bind: the creation of a Binding.
func (c Verbs) BindNamed(obj resource.Object, options call.WriteOptions) error {
	at := c.Served.Now().Endpoints[schema.GroupVersionResource{Version: "v1", Resource: "pods"}]
	if at == nil {
		return refusal.Unavailable("pods are not served")
	}
	if obj.GetName() == "" {
		return apierrors.NewBadRequest("Name parameter required.")
	}
	info := *c.Info
	info.Resource, info.Name = "pods", obj.GetName()
	return Verbs{c.On(at, &info, c.Sub)}.bind(obj.(*corev1.Binding), options)
}

func (c Verbs) bind(binding *corev1.Binding, options call.WriteOptions) error {
	if errs := checkBinding(binding); len(errs) > 0 {
		return refusal.Plain(http.StatusInternalServerError, errs.ToAggregate().Error())
	}
	_, _, err := c.On(c.At, c.Info, &resource.Subresource{Name: "binding"}).Do(c.Context(), write.Change{
		Name: binding.Name, Options: options, Unconditional: true,
		Apply: func(_ context.Context, now write.Current) (resource.Object, error) {
			pod := now.Object.DeepCopyObject().(*corev1.Pod)
			return pod, bind(pod, binding, metav1.NewTime(c.Clock.Now()))
		},
	})
	if err != nil {
		return err
	}
	return c.WriteObject(http.StatusCreated, &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess, Code: http.StatusCreated,
	})
}
