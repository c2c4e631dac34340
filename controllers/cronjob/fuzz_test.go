package cronjob

import (
	"testing"

	schedule "github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	api := fake.NewClientBuilder().WithIndex(&batchv1.Job{}, kit.OwnerIndex, func(client.Object) []string { return nil }).Build()
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		cron, job := &batchv1.CronJob{}, &batchv1.Job{}
		fill.Fill(cron)
		fill.Fill(job)
		c := &Controller{Client: api, Recorder: record.NewFakeRecorder(100), Clock: clocktesting.NewFakePassiveClock(fuzzing.Now())}
		c.review(cron, []batchv1.Job{*job}, cron.Status.DeepCopy())
		ended(job)
		jobFor(cron, fuzzing.Now())
		if _, err := location(cron); err != nil {
			return
		}
		if s, err := schedule.ParseStandard(cron.Spec.Schedule); err == nil {
			_, _, _, _ = due(cron, s, fuzzing.Now())
		}
		_, _ = c.Reconcile(t.Context(), cron) // what it is refused is the API's to say
	})
}
