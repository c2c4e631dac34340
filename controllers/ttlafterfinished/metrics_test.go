package ttlafterfinished

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	ended := time.Unix(1000, 0)
	job := &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "j", UID: "u"}, Spec: batchv1.JobSpec{TTLSecondsAfterFinished: ptr.To[int32](5)},
		Status: batchv1.JobStatus{Conditions: []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(ended)}}},
	}
	api := fake.NewClientBuilder().WithObjects(job).Build()
	c := &Controller{Client: api, Live: api, Clock: testclock.NewFakePassiveClock(ended.Add(6 * time.Second)), metrics: newMetrics(registry)}
	for range 2 { // the second time it is gone
		if _, err := c.Reconcile(t.Context(), job); err != nil {
			t.Fatal(err)
		}
	}
	if got := fuzzing.Metrics(t, registry)["ttl_after_finished_controller_job_deletion_duration_seconds"]; got != 1 {
		t.Errorf("%v jobs, want 1", got)
	}
}
