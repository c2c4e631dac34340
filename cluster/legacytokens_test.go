package cluster

import (
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
)

// A Secret for the token of a service account is filled with one that the API server knows, and goes with the account.
func TestSecretsHoldTokensOfAccounts(t *testing.T) {
	_, c := started(t, ForTest(t.TempDir()))
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "pilot"}}
	secret := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "pilot-token", Annotations: map[string]string{corev1.ServiceAccountNameKey: "pilot"}},
		Type:       corev1.SecretTypeServiceAccountToken,
	}
	for _, o := range []client.Object{account, secret} {
		if err := c.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	awaitObject(t, c, secret, "a token", func(error) bool { return len(secret.Data["token"]) > 0 && len(secret.Data["ca.crt"]) > 0 })
	awaitObject(t, c, secret, "that it is known", func(error) bool {
		review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: string(secret.Data["token"])}}
		err := c.Create(t.Context(), review)
		return err == nil && review.Status.Authenticated && review.Status.User.Username == "system:serviceaccount:default:pilot"
	})
	awaitObject(t, c, secret, "that its use is noted", func(error) bool { return secret.Labels[tokens.LastUsed] != "" })
	tracking := &corev1.ConfigMap{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: "kube-apiserver-legacy-service-account-token-tracking"}, tracking); err != nil || tracking.Data["since"] == "" {
		t.Errorf("uses are noted since %v: %v", tracking.Data, err)
	}
	if err := c.Delete(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	awaitObject(t, c, secret, "that it goes with the account", apierrors.IsNotFound)
}
