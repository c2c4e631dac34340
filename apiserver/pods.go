package apiserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
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
	pods := c.kinds.Load().endpoints[schema.GroupVersionResource{Version: "v1", Resource: "pods"}]
	if pods == nil {
		return unavailable("pods are not served")
	}
	info := *c.info
	info.Resource, info.Name = "pods", obj.GetName()
	onPod := *c
	onPod.at, onPod.info = pods, &info
	return onPod.bindPod(obj.(*corev1.Binding), options)
}

func (c *call) bindPod(binding *corev1.Binding, options writeOptions) error {
	if errs := checkBinding(binding); len(errs) > 0 {
		return plainError(http.StatusInternalServerError, errs.ToAggregate().Error())
	}
	c.sub = &resource.Subresource{Name: "binding"}
	_, _, err := c.do(c.ctx(), change{
		name: binding.Name, options: options, unconditional: true,
		apply: func(_ context.Context, now current) (resource.Object, error) {
			return c.boundPod(now.object.DeepCopyObject().(*corev1.Pod), binding)
		},
	})
	if err != nil {
		return err
	}
	return c.writeObject(http.StatusCreated, &metav1.Status{
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess, Code: http.StatusCreated,
	})
}

func checkBinding(binding *corev1.Binding) field.ErrorList {
	var errs field.ErrorList
	target := field.NewPath("target")
	if kind := binding.Target.Kind; kind != "" && kind != "Node" {
		errs = append(errs, field.NotSupported(target.Child("kind"), kind, []string{"Node", "<empty>"}))
	}
	if binding.Target.Name == "" {
		errs = append(errs, field.Required(target.Child("name"), ""))
	}
	return errs
}

func (c *call) boundPod(pod *corev1.Pod, binding *corev1.Binding) (resource.Object, error) {
	refuse := func(why string) (resource.Object, error) {
		return nil, conflict(schema.GroupResource{Resource: "pods/binding"}, pod.Name, errors.New(why))
	}
	switch {
	case binding.UID != "" && binding.UID != pod.UID:
		return refuse(fmt.Sprintf("Precondition failed: UID in precondition: %v, UID in object meta: %v", binding.UID, pod.UID))
	case binding.ResourceVersion != "" && binding.ResourceVersion != pod.ResourceVersion:
		return refuse(fmt.Sprintf("Precondition failed: ResourceVersion in precondition: %v, ResourceVersion in object meta: %v", binding.ResourceVersion, pod.ResourceVersion))
	case pod.DeletionTimestamp != nil:
		return refuse(fmt.Sprintf("pod %s is being deleted, cannot be assigned to a host", pod.Name))
	case pod.Spec.NodeName != "":
		return refuse(fmt.Sprintf("pod %v is already assigned to node %q", pod.Name, pod.Spec.NodeName))
	case len(pod.Spec.SchedulingGates) > 0:
		return refuse(fmt.Sprintf("pod %v has non-empty .spec.schedulingGates", pod.Name))
	}
	pod.Spec.NodeName = binding.Target.Name
	for key, value := range binding.Annotations {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, key, value)
	}
	for key, value := range binding.Labels {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, key, value)
	}
	setScheduled(pod, metav1.NewTime(c.Clock.Now()))
	return pod, nil
}

func setScheduled(pod *corev1.Pod, now metav1.Time) {
	scheduled := corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: now.Rfc3339Copy(), ObservedGeneration: pod.Status.ObservedGeneration,
	}
	i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodScheduled })
	if i < 0 {
		pod.Status.Conditions = append(pod.Status.Conditions, scheduled)
		return
	}
	pod.Status.Conditions[i] = scheduled
}
