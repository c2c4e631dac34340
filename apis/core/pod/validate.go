package pod

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
)

// Paths that are looked at in every pod. They are never changed.
var (
	annotationsPath = field.NewPath("metadata", "annotations")
	specPath        = field.NewPath("spec")
)

func validate(pod *corev1.Pod) field.ErrorList {
	path := specPath
	errs := podspec.ValidatePodAnnotations(&pod.Spec, pod.Annotations, annotationsPath)
	errs = append(errs, podspec.ValidateDeletionCost(pod.Annotations, nil, annotationsPath)...)
	errs = append(errs, podspec.ValidateSpec(&pod.Spec, nil, &pod.ObjectMeta, path)...)
	errs = append(errs, volumes.ValidateImages(&pod.Spec, path)...)
	if pod.Spec.NodeName != "" && len(pod.Spec.SchedulingGates) > 0 {
		errs = append(errs, field.Forbidden(path.Child("nodeName"), "cannot be set until all schedulingGates have been cleared"))
	}
	if len(pod.Spec.EphemeralContainers) > 0 {
		errs = append(errs, field.Forbidden(path.Child("ephemeralContainers"), "cannot be set on create"))
	}
	return errs
}

func validateUpdate(pod, old *corev1.Pod) field.ErrorList {
	errs := podspec.ValidateDeletionCost(pod.Annotations, old.Annotations, annotationsPath)
	if podspec.Unchanged(pod, old) {
		return errs // the rest was checked when it came, and that is most of what a change of labels costs
	}
	errs = append(errs, podspec.ValidatePodAnnotations(&pod.Spec, pod.Annotations, annotationsPath)...)
	errs = append(errs, podspec.ValidateSpec(&pod.Spec, &old.Spec, &pod.ObjectMeta, specPath)...)
	return append(errs, podspec.ValidateSpecUpdate(pod, old)...)
}

// validateStatus checks what a node says about a pod.
func validateStatus(pod, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("status")
	var errs field.ErrorList
	if pod.Spec.NodeName != old.Spec.NodeName {
		errs = append(errs, field.Forbidden(path.Child("nodeName"), "may not be changed directly"))
	}
	if nominated := pod.Status.NominatedNodeName; nominated != "" && nominated != old.Status.NominatedNodeName && old.Spec.NodeName != "" {
		errs = append(errs, field.Forbidden(path.Child("nominatedNodeName"), "may not be set on pods that are already bound to a node"))
	}
	errs = append(errs, podspec.ValidateStatus(pod, old, path)...)
	return errs
}
