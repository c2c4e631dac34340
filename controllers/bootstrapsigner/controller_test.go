package bootstrapsigner

import (
	"maps"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// token is a bootstrap token that may sign, with changes.
func token(id string, change func(*corev1.Secret)) client.Object {
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "bootstrap-token-" + id}, Type: "bootstrap.kubernetes.io/token",
		Data: map[string][]byte{"token-id": []byte(id), "token-secret": []byte("0123456789abcdef"), "usage-bootstrap-signing": []byte("true")},
	}
	if change != nil {
		change(s)
	}
	return s
}

func TestSignsWithTheTokensThatMaySign(t *testing.T) {
	set := func(key, value string) func(*corev1.Secret) {
		return func(s *corev1.Secret) { s.Data[key] = []byte(value) }
	}
	info := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: "kube-public", Name: "cluster-info"},
		Data:       map[string]string{"kubeconfig": "text", "jws-kubeconfig-gone00": "x..y", "other": "stays"},
	}
	c := fake.NewClientBuilder().WithObjects(info,
		token("abcdef", nil),
		token("lasts0", set("expiration", now.Add(time.Second).Format(time.RFC3339))),
		token("over00", set("expiration", now.Format(time.RFC3339))),
		token("silent", set("usage-bootstrap-signing", "false")),
		token("named0", set("token-id", "other0")),
		token("empty0", set("token-secret", "")),
		token("opaque", func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }),
		token("abroad", func(s *corev1.Secret) { s.Namespace = "default" }),
	).Build()
	controller := &Controller{Client: c, Clock: testingclock.NewFakePassiveClock(now)}
	for range 2 { // the second time changes nothing
		if err := c.Get(t.Context(), client.ObjectKeyFromObject(info), info); err != nil {
			t.Fatal(err)
		}
		if _, err := controller.Reconcile(t.Context(), info); err != nil {
			t.Fatal(err)
		}
	}
	before := info.ResourceVersion
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(info), info); err != nil || info.ResourceVersion != before {
		t.Errorf("written twice: %v", err)
	}
	want := map[string]string{"kubeconfig": "text", "other": "stays"}
	for _, id := range []string{"abcdef", "lasts0"} {
		want["jws-kubeconfig-"+id], _ = Sign("text", id, "0123456789abcdef")
	}
	if !maps.Equal(info.Data, want) {
		t.Errorf("got %v, want %v", info.Data, want)
	}
}
