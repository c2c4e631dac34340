package podspec

import (
	corev1 "k8s.io/api/core/v1"
)

func defaultPodResources(spec *corev1.PodSpec) {
	if spec.Resources == nil {
		return
	}
	requestsFromLimits(spec.Resources)
}
