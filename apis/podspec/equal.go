package podspec

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Equal says whether two specifications mean the same. Most changes of a pod leave its specification alone, and equal
// bytes tell so in a tenth of the time that it takes to compare all fields.
func Equal(a, b *corev1.PodSpec) bool {
	return resource.SameBytes(a, b) || equality.Semantic.DeepEqual(a, b)
}

// Unchanged says whether nothing differs between two states of a pod that its specification is checked with.
func Unchanged(pod, old *corev1.Pod) bool {
	return resource.SameBytes(&pod.Spec, &old.Spec) && maps.Equal(pod.Annotations, old.Annotations)
}
