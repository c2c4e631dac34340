package pod

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/podspec/containers"
)

// syncAppArmor lets the annotations in which profiles were named before they had a field still count, for
// containers that name none.
func syncAppArmor(pod *corev1.Pod) {
	eachOldProfile(pod, func(annotation string, context **corev1.SecurityContext) {
		profile := containers.AppArmorProfile(pod.Annotations[annotation])
		if profile == nil {
			return
		}
		if *context == nil {
			*context = &corev1.SecurityContext{}
		}
		(*context).AppArmorProfile = profile
	})
}

// warnEarly warns of the annotations that still count. Who wrote them hears of it even when the pod is refused.
func warnEarly(pod *corev1.Pod) []string {
	var warnings []string
	eachOldProfile(pod, func(annotation string, _ **corev1.SecurityContext) {
		warnings = append(warnings, containers.OldAppArmor(annotation))
	})
	return warnings
}

// eachOldProfile calls with the annotation of each container that names its profile by that alone.
func eachOldProfile(pod *corev1.Pod, call func(annotation string, context **corev1.SecurityContext)) {
	if pod.Spec.OS != nil && pod.Spec.OS.Name == corev1.Windows {
		return
	}
	visit := func(name string, context **corev1.SecurityContext) {
		annotation := corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix + name
		if _, ok := pod.Annotations[annotation]; !ok || *context != nil && (*context).AppArmorProfile != nil {
			return
		}
		call(annotation, context)
	}
	for i := range pod.Spec.InitContainers {
		visit(pod.Spec.InitContainers[i].Name, &pod.Spec.InitContainers[i].SecurityContext)
	}
	for i := range pod.Spec.Containers {
		visit(pod.Spec.Containers[i].Name, &pod.Spec.Containers[i].SecurityContext)
	}
}
