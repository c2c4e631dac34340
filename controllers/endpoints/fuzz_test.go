package endpoints

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		svc, current := &corev1.Service{}, &corev1.Endpoints{}
		fill.Fill(svc)
		fill.Fill(current)
		pods := fuzzing.List[corev1.Pod](fill, 6)
		first := desired(svc, pods, current)
		if again := desired(svc, pods, first); !same(first, again) {
			t.Error("the same pods give other endpoints the second time")
		}
	})
}
