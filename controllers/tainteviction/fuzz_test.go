package tainteviction

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		node, pod := &corev1.Node{}, &corev1.Pod{}
		fill.Fill(node)
		fill.Fill(pod)
		tolerance(noExecute(node), pod.Spec.Tolerations)
		nodeOf(t.Context(), pod)
	})
}
