package job

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		job := &batchv1.Job{}
		fill.Fill(job)
		todo := makePlan(job, fuzzing.List[corev1.Pod](fill, 6), true, fuzzing.Now())
		if len(todo.create) > podcontrol.Burst {
			t.Errorf("creates %d pods at once", len(todo.create))
		}
		for _, what := range todo.create[:min(len(todo.create), 3)] {
			_ = podFor(podcontrol.Owner{Object: job, GVK: kind}, job, what)
		}
	})
}
