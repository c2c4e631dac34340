package nodelifecycle

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		node := &corev1.Node{}
		fill.Fill(node)
		silence(node, fuzzing.Now())
		node.Spec.Taints = taints(node, true, fuzzing.Now())
		if again := taints(node, true, fuzzing.Now()); len(again) != len(node.Spec.Taints) {
			t.Errorf("taints are not stable: %v, then %v", node.Spec.Taints, again)
		}
	})
}
