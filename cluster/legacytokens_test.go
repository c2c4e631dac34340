package cluster

import (
	"context"
	"testing"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
	"github.com/coxswain-k8s/coxswain/cluster/clients"
)

// A Secret for the token of a service account is filled with one that the API server knows, and goes with the account.
func TestSecretsHoldTokensOfAccounts(t *testing.T) {
	running, err := forTest(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = running.Stop() }()
	c, err := client.New(running.Config, client.Options{Scheme: apis.NewScheme(), Mapper: clients.NewMapper(apis.All())})
	if err != nil {
		t.Fatal(err)
	}
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
	eventually := func(what string, done func(error) bool) {
		t.Helper()
		err := wait.PollUntilContextTimeout(t.Context(), 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
			return done(c.Get(ctx, client.ObjectKeyFromObject(secret), secret)), nil
		})
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	eventually("a token", func(error) bool { return len(secret.Data["token"]) > 0 && len(secret.Data["ca.crt"]) > 0 })
	eventually("that it is known", func(error) bool {
		review := &authenticationv1.TokenReview{Spec: authenticationv1.TokenReviewSpec{Token: string(secret.Data["token"])}}
		err := c.Create(t.Context(), review)
		return err == nil && review.Status.Authenticated && review.Status.User.Username == "system:serviceaccount:default:pilot"
	})
	eventually("that its use is noted", func(error) bool { return secret.Labels[tokens.LastUsed] != "" })
	tracking := &corev1.ConfigMap{}
	if err := c.Get(t.Context(), client.ObjectKey{Namespace: "kube-system", Name: "kube-apiserver-legacy-service-account-token-tracking"}, tracking); err != nil || tracking.Data["since"] == "" {
		t.Errorf("uses are noted since %v: %v", tracking.Data, err)
	}
	if err := c.Delete(t.Context(), account); err != nil {
		t.Fatal(err)
	}
	eventually("that it goes with the account", apierrors.IsNotFound)
}
