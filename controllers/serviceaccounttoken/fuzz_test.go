package serviceaccounttoken

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		api := fill.NewClient(clientgoscheme.Scheme)
		c := &Controller{Client: api, Live: api, RootCA: []byte("authority"), Sign: func(*corev1.ServiceAccount, *corev1.Secret) (string, error) { return "token", nil }}
		secret, account := &corev1.Secret{}, &corev1.ServiceAccount{}
		fill.Fill(secret)
		fill.Fill(account)
		_, _ = c.Reconcile(t.Context(), reconcile.Request{})
		c.ofAccount(t.Context(), account)
		secret.Type = corev1.SecretTypeServiceAccountToken
		if secret.Annotations == nil {
			secret.Annotations = map[string]string{}
		}
		if secret.Annotations[corev1.ServiceAccountNameKey] = "a"; holdsToken(secret) {
			_ = c.keep(t.Context(), secret)
		}
	})
}
