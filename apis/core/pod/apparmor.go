package pod

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
)

// syncAppArmor lets the annotations in which profiles were named before they had a field still count, for
// containers that name none.
func syncAppArmor(pod *corev1.Pod) {
	if pod.Spec.OS != nil && pod.Spec.OS.Name == corev1.Windows {
		return
	}
	visit := func(name string, context **corev1.SecurityContext) {
		value, ok := pod.Annotations[corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix+name]
		if !ok || *context != nil && (*context).AppArmorProfile != nil {
			return
		}
		profile := podspec.AppArmorProfile(value)
		if profile == nil {
			return
		}
		if *context == nil {
			*context = &corev1.SecurityContext{}
		}
		(*context).AppArmorProfile = profile
	}
	for i := range pod.Spec.InitContainers {
		visit(pod.Spec.InitContainers[i].Name, &pod.Spec.InitContainers[i].SecurityContext)
	}
	for i := range pod.Spec.Containers {
		visit(pod.Spec.Containers[i].Name, &pod.Spec.Containers[i].SecurityContext)
	}
}
