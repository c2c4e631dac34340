package tokencleaner

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	c := &Controller{Client: fake.NewClientBuilder().Build(), Clock: clocktesting.NewFakePassiveClock(fuzzing.Now())}
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		secret := &corev1.Secret{}
		fill.Fill(secret)
		_, _ = c.Reconcile(t.Context(), secret) // what it is refused is the API's to say
	})
}
