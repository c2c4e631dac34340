package resources

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	apiresource "k8s.io/apimachinery/pkg/api/resource"
	helpers "k8s.io/component-helpers/resource"
)

// DefaultPod completes the resources of the pod as a whole where it has limits: what is not asked
// for is what the containers ask for together, or else the limit. Huge pages cannot be overcommitted, so that theirs are alike.
func DefaultPod(pod *corev1.Pod) {
	r := pod.Spec.Resources
	if r == nil || len(r.Limits) == 0 {
		return
	}
	if r.Requests == nil {
		r.Requests = corev1.ResourceList{}
	}
	containers := helpers.PodResourcesOptions{SkipPodLevelResources: true}
	for name, quantity := range helpers.PodLimits(pod, containers) {
		if _, ok := r.Limits[name]; !ok && IsHugePages(name) {
			r.Limits[name] = quantity.DeepCopy()
		}
	}
	for name, quantity := range helpers.PodRequests(pod, containers) {
		if _, ok := r.Requests[name]; !ok && (name == corev1.ResourceCPU || name == corev1.ResourceMemory) {
			r.Requests[name] = quantity.DeepCopy()
		}
	}
	for name, quantity := range r.Limits {
		if _, ok := r.Requests[name]; !ok && podLevel(name) {
			r.Requests[name] = quantity.DeepCopy()
		}
	}
}

// podLevel says whether a pod as a whole can ask for a resource.
func podLevel(name corev1.ResourceName) bool {
	return name == corev1.ResourceCPU || name == corev1.ResourceMemory || IsHugePages(name)
}

// IsHugePages says whether a resource is memory in huge pages of some size.
func IsHugePages(name corev1.ResourceName) bool {
	return strings.HasPrefix(string(name), corev1.ResourceHugePagesPrefix)
}

// RoundUp rounds quantities up to a thousandth, the smallest unit that is kept.
func RoundUp(list corev1.ResourceList) {
	for name, quantity := range list {
		if quantity.RoundUp(apiresource.Milli) {
			continue
		}
		list[name] = quantity
	}
}

// Round rounds what is asked for up to what is kept.
func Round(r *corev1.ResourceRequirements) {
	RoundUp(r.Limits)
	RoundUp(r.Requests)
}
