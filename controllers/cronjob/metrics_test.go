package cronjob

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// A job is counted when it is made, not when it is found to be there.
func TestSkew(t *testing.T) {
	registry := prometheus.NewRegistry()
	at := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	c := &Controller{
		Client: fake.NewClientBuilder().Build(), Recorder: record.NewFakeRecorder(10), Clock: testclock.NewFakePassiveClock(at.Add(3 * time.Second)),
		metrics: newMetrics(registry),
	}
	cron := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "c", UID: "u"}}
	for range 2 {
		if err := c.create(t.Context(), cron, at, &batchv1.CronJobStatus{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := fuzzing.Metrics(t, registry)["cronjob_controller_job_creation_skew_duration_seconds"]; got != 1 {
		t.Errorf("%v jobs, want 1", got)
	}
}
