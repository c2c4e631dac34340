package resources

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// TestPodResourcesWithoutOverhead: what a pod asks for as a whole is for its containers, and its overhead comes on top.
func TestPodResourcesWithoutOverhead(t *testing.T) {
	cpu := func(amount string) corev1.ResourceList {
		return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)}
	}
	for asked, wrong := range map[string]int{"2": 0, "1900m": 1} {
		spec := &corev1.PodSpec{
			Overhead:   cpu("1"),
			Resources:  &corev1.ResourceRequirements{Requests: cpu(asked)},
			Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: cpu("2")}}},
		}
		if errs := ValidatePod(spec, field.NewPath("resources")); len(errs) != wrong {
			t.Errorf("%s: %v", asked, errs)
		}
	}
}
