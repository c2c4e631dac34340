package statefulset

import (
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		set := &appsv1.StatefulSet{}
		fill.Fill(set)
		l := &look{set: set, current: "a", update: "b", pods: fuzzing.List[corev1.Pod](fill, 6), now: fuzzing.Now()}
		todo := l.makePlan()
		owner := podcontrol.Owner{Object: set, GVK: kind}
		for _, what := range todo.create[:min(len(todo.create), 3)] {
			_ = podFor(owner, set, &set.Spec.Template, what.revision, what.ordinal)
			_ = claimsFor(owner, set, what.ordinal)
		}
	})
}
