package podspec

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestQOS(t *testing.T) {
	some := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("1Gi")}
	for _, c := range []struct {
		reason         string
		pod, container *corev1.ResourceRequirements
		want           corev1.PodQOSClass
	}{
		{"nothing is asked for", nil, &corev1.ResourceRequirements{}, corev1.PodQOSBestEffort},
		{"limits equal requests", nil, &corev1.ResourceRequirements{Requests: some, Limits: some}, corev1.PodQOSGuaranteed},
		{"requests alone", nil, &corev1.ResourceRequirements{Requests: some}, corev1.PodQOSBurstable},
		{"the pod decides", &corev1.ResourceRequirements{Requests: some, Limits: some}, &corev1.ResourceRequirements{}, corev1.PodQOSGuaranteed},
		{"a pod that asks for nothing as a whole", &corev1.ResourceRequirements{}, &corev1.ResourceRequirements{Requests: some}, corev1.PodQOSBestEffort},
	} {
		spec := &corev1.PodSpec{Resources: c.pod, Containers: []corev1.Container{{Resources: *c.container}}}
		if got := QOS(spec); got != c.want {
			t.Errorf("%s: %s, want %s", c.reason, got, c.want)
		}
	}
}
