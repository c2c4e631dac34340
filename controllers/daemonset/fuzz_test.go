package daemonset

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		set := &appsv1.DaemonSet{}
		fill.Fill(set)
		todo := planOf(set, "h", fuzzing.List[corev1.Node](fill, 4), fuzzing.List[corev1.Pod](fill, 6))
		for _, node := range todo.create {
			_ = podFor(podcontrol.Owner{Object: set, GVK: kind}, set, &appsv1.ControllerRevision{}, node)
		}
	})
}
