package pods

import (
	"errors"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// checkBinding returns what is wrong with a binding.
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

// bind puts a pod on the node of a binding, which becomes a part of it, or says why that cannot be.
func bind(pod *corev1.Pod, binding *corev1.Binding, now metav1.Time) error {
	refuse := func(why string) error {
		return apierrors.NewConflict(schema.GroupResource{Resource: "pods/binding"}, pod.Name, errors.New(why))
	}
	unlike := func(why string) error { // in the words of upstream's storage
		return apierrors.NewConflict(schema.GroupResource{Resource: "pods"}, pod.Name, fmt.Errorf(
			"StorageError: invalid object, Code: 4, Key: /pods/%s/%s, ResourceVersion: 0, AdditionalErrorMsg: %s", pod.Namespace, pod.Name, why))
	}
	switch {
	case binding.UID != "" && binding.UID != pod.UID:
		return unlike(fmt.Sprintf("Precondition failed: UID in precondition: %v, UID in object meta: %v", binding.UID, pod.UID))
	case binding.ResourceVersion != "" && binding.ResourceVersion != pod.ResourceVersion:
		return unlike(fmt.Sprintf("Precondition failed: ResourceVersion in precondition: %v, ResourceVersion in object meta: %v", binding.ResourceVersion, pod.ResourceVersion))
	case pod.DeletionTimestamp != nil:
		return refuse(fmt.Sprintf("pod %s is being deleted, cannot be assigned to a host", pod.Name))
	case pod.Spec.NodeName != "":
		return refuse(fmt.Sprintf("pod %v is already assigned to node %q", pod.Name, pod.Spec.NodeName))
	case len(pod.Spec.SchedulingGates) > 0:
		return refuse(fmt.Sprintf("pod %v has non-empty .spec.schedulingGates", pod.Name))
	}
	pod.Spec.NodeName, pod.Status.NominatedNodeName = binding.Target.Name, "" // which was to be, and may have come otherwise
	for key, value := range binding.Annotations {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, key, value)
	}
	for key, value := range binding.Labels {
		metav1.SetMetaDataLabel(&pod.ObjectMeta, key, value)
	}
	setCondition(pod, corev1.PodCondition{
		Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: now.Rfc3339Copy(), ObservedGeneration: pod.Status.ObservedGeneration,
	})
	return nil
}

// setCondition sets the condition of a type.
func setCondition(pod *corev1.Pod, condition corev1.PodCondition) {
	i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == condition.Type })
	if i < 0 {
		pod.Status.Conditions = append(pod.Status.Conditions, condition)
		return
	}
	pod.Status.Conditions[i] = condition
}
