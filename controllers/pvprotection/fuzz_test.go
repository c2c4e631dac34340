package pvprotection

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		volume := &corev1.PersistentVolume{}
		fill.Fill(volume)
		c := &Controller{Client: fill.NewClient(clientgoscheme.Scheme)}
		_, _ = c.Reconcile(t.Context(), volume)
	})
}
