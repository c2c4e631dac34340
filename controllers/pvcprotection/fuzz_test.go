package pvcprotection

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		pod := &corev1.Pod{}
		fill.Fill(pod)
		claims(pod)
		claimsOf(t.Context(), pod)
	})
}
