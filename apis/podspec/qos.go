package podspec

import (
	"github.com/coxswain-k8s/coxswain/apis/podspec/containers"
	corev1 "k8s.io/api/core/v1"
)

// The resources that decide about the quality of service.
var qosResources = []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory}

// QOS is the quality of service class that follows from a pod's requests and limits: Guaranteed when
// every container has limits on CPU and memory that equal its requests, BestEffort when nothing is asked
// for, Burstable otherwise. Resources of the pod as a whole, where given, decide alone, even when they are empty: so upstream's
// API server reckons.
func QOS(spec *corev1.PodSpec) corev1.PodQOSClass {
	parts := []corev1.ResourceRequirements{}
	if r := spec.Resources; r != nil {
		parts = append(parts, *r)
	} else {
		containers.Each(spec, func(c *corev1.Container) { parts = append(parts, c.Resources) })
	}
	asked, guaranteed := false, len(parts) > 0
	for _, part := range parts {
		for _, name := range qosResources {
			request, limit := part.Requests[name], part.Limits[name]
			asked = asked || !request.IsZero() || !limit.IsZero()
			guaranteed = guaranteed && !limit.IsZero() && request.Cmp(limit) == 0
		}
	}
	switch {
	case !asked:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}
