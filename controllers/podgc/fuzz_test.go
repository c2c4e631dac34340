package podgc

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	api := fake.NewClientBuilder().Build()
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		pod := &corev1.Pod{}
		fill.Fill(pod)
		c := &Controller{
			Client: api, Live: api, Clock: clocktesting.NewFakePassiveClock(fuzzing.Now()), Keep: 1,
			finished: map[types.UID]struct{}{}, missing: map[string]time.Time{},
		}
		c.relevant(pod, false)
		c.outOfService(t.Context(), pod)
		surplus([]corev1.Pod{*pod, *pod}, 1)
		_, _ = c.Reconcile(t.Context(), pod) // what it is refused is the API's to say
		c.relevant(pod, true)
	})
}
