package resources

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
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
		if errs := ValidatePod(spec, nil); len(errs) != wrong {
			t.Errorf("%s: %v", asked, errs)
		}
	}
}

// Huge pages are asked for with CPU or memory. That was once said of whatever else a pod may not ask for, too.
func TestPodResourcesWithHugePages(t *testing.T) {
	for name, wrong := range map[corev1.ResourceName]string{
		"hugepages-2Mi": "[resources: Forbidden: HugePages require cpu or memory]", corev1.ResourceEphemeralStorage: "[resources.limits[ephemeral-storage]: Unsupported value",
	} {
		asked := corev1.ResourceList{name: resource.MustParse("2Mi")}
		spec := &corev1.PodSpec{Resources: &corev1.ResourceRequirements{Limits: asked, Requests: asked}}
		text := fmt.Sprint(ValidatePod(spec, nil))
		if !strings.HasPrefix(text, wrong) || strings.Count(text, "HugePages require") != strings.Count(wrong, "HugePages require") {
			t.Errorf("%s: %s", name, text)
		}
	}
}
