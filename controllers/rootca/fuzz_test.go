package rootca

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		namespace := &corev1.Namespace{}
		fill.Fill(namespace)
		c := &Controller{Client: fill.NewClient(clientgoscheme.Scheme), RootCA: []byte("authority"), clock: clock.RealClock{}}
		_, _ = c.Reconcile(t.Context(), namespace)
	})
}
