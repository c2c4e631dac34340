package ttlafterfinished

import (
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	api := fake.NewClientBuilder().Build()
	c := &Controller{Client: api, Live: api, Clock: clocktesting.NewFakePassiveClock(fuzzing.Now())}
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		job := &batchv1.Job{}
		fill.Fill(job)
		_, _ = c.Reconcile(t.Context(), job) // what it is refused is the API's to say
	})
}
