package podspec

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	helpers "k8s.io/component-helpers/resource"
)

// defaultPodResources completes the requests of the pod as a whole where it has limits: by what the
// containers ask for together, or else by the limit. Huge pages cannot be overcommitted, so that their request is the limit.
func defaultPodResources(pod *corev1.Pod) {
	r := pod.Spec.Resources
	if r == nil || len(r.Limits) == 0 {
		return
	}
	if r.Requests == nil {
		r.Requests = corev1.ResourceList{}
	}
	for name, quantity := range helpers.PodRequests(pod, helpers.PodResourcesOptions{SkipPodLevelResources: true}) {
		if _, ok := r.Requests[name]; !ok && (name == corev1.ResourceCPU || name == corev1.ResourceMemory) {
			r.Requests[name] = quantity.DeepCopy()
		}
	}
	for name, quantity := range r.Limits {
		if _, ok := r.Requests[name]; !ok {
			r.Requests[name] = quantity.DeepCopy()
		}
	}
}

// IsHugePages says whether a resource is memory in huge pages of some size.
func IsHugePages(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}
