package podspec

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestEqual(t *testing.T) {
	cpu := func(amount string) *corev1.PodSpec {
		return &corev1.PodSpec{Containers: []corev1.Container{{Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(amount)},
		}}}}
	}
	for _, c := range []struct {
		name string
		a, b *corev1.PodSpec
		want bool
	}{
		{"the same", cpu("1"), cpu("1"), true},
		{"the same amount, spelled in another way", cpu("1"), cpu("1000m"), true},
		{"nothing and empty", &corev1.PodSpec{NodeSelector: map[string]string{}}, &corev1.PodSpec{}, true},
		{"another amount", cpu("1"), cpu("2"), false},
		{"another node", &corev1.PodSpec{NodeName: "a"}, &corev1.PodSpec{NodeName: "b"}, false},
	} {
		if got := Equal(c.a, c.b); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}
