package serviceaccounttoken

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestSecretsOfTokens(t *testing.T) {
	for _, test := range []struct {
		reason      string
		annotations map[string]string
		kind        corev1.SecretType
		data        map[string]string
		want        map[string]string // nil: the Secret goes
	}{
		{"a new one", map[string]string{"kubernetes.io/service-account.name": "pilot"}, "kubernetes.io/service-account-token", nil,
			map[string]string{"token": "signed", "ca.crt": "authority", "namespace": "ns"}},
		{"another authority", map[string]string{"kubernetes.io/service-account.name": "pilot", "kubernetes.io/service-account.uid": "7"}, "kubernetes.io/service-account-token",
			map[string]string{"token": "old", "ca.crt": "of old", "namespace": "ns"}, map[string]string{"token": "old", "ca.crt": "authority", "namespace": "ns"}},
		{"of an account that is gone", map[string]string{"kubernetes.io/service-account.name": "nobody"}, "kubernetes.io/service-account-token", nil, nil},
		{"of an account of that name before", map[string]string{"kubernetes.io/service-account.name": "pilot", "kubernetes.io/service-account.uid": "6"}, "kubernetes.io/service-account-token", nil, nil},
		{"of another type", map[string]string{"kubernetes.io/service-account.name": "pilot"}, "Opaque", nil, map[string]string{}},
		{"of no account", nil, "kubernetes.io/service-account-token", nil, map[string]string{}},
	} {
		t.Run(test.reason, func(t *testing.T) {
			account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "pilot", UID: "7"}}
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "s", Annotations: test.annotations}, Type: test.kind, Data: map[string][]byte{}}
			for key, value := range test.data {
				secret.Data[key] = []byte(value)
			}
			api := fake.NewClientBuilder().WithObjects(account, secret).Build()
			c := &Controller{Client: api, Live: api, RootCA: []byte("authority"), Sign: func(*corev1.ServiceAccount, *corev1.Secret) (string, error) { return "signed", nil }}
			for range 2 {
				if _, err := c.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKeyFromObject(secret)}); err != nil {
					t.Fatal(err)
				}
			}
			err := api.Get(t.Context(), client.ObjectKeyFromObject(secret), secret)
			if test.want == nil {
				if !apierrors.IsNotFound(err) {
					t.Errorf("the secret is still there: %v", err)
				}
				return
			}
			got := map[string]string{}
			for key, value := range secret.Data {
				got[key] = string(value)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			if len(test.want) > 0 && secret.Annotations["kubernetes.io/service-account.uid"] != "7" {
				t.Errorf("annotations %v", secret.Annotations)
			}
		})
	}
}

func TestAccountsForgetSecretsThatAreGone(t *testing.T) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "pilot"}, Secrets: []corev1.ObjectReference{{Name: "gone"}, {Name: "there"}}}
	api := fake.NewClientBuilder().WithObjects(account).Build()
	c := &Controller{Client: api, Live: api}
	if _, err := c.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Namespace: "ns", Name: "gone"}}); err != nil {
		t.Fatal(err)
	}
	if err := api.Get(t.Context(), client.ObjectKeyFromObject(account), account); err != nil || len(account.Secrets) != 1 {
		t.Errorf("%v %v", account.Secrets, err)
	}
}
