package tokencleaner

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
)

func TestDeletesTokensWhenTheyExpire(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, test := range map[string]struct {
		expiration string
		gone       bool
		again      time.Duration
	}{
		"for ever":    {"", false, 0},
		"later":       {"2026-03-01T12:01:00Z", false, time.Minute},
		"just now":    {"2026-03-01T12:00:00Z", true, 0},
		"long ago":    {"2025-03-01T12:00:00Z", true, 0},
		"what a date": {"tomorrow", true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			token := &corev1.Secret{
				ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "bootstrap-token-abcdef"}, Type: "bootstrap.kubernetes.io/token",
				Data: map[string][]byte{"expiration": []byte(test.expiration)},
			}
			c := fake.NewClientBuilder().WithObjects(token).Build()
			controller := &Controller{Client: c, Clock: testingclock.NewFakePassiveClock(now)}
			result, err := controller.Reconcile(t.Context(), token)
			if err != nil || result.RequeueAfter != test.again {
				t.Errorf("comes back after %s, %v, want %s", result.RequeueAfter, err, test.again)
			}
			err = c.Get(t.Context(), client.ObjectKeyFromObject(token), token)
			if gone := apierrors.IsNotFound(err); gone != test.gone {
				t.Errorf("gone: %t, want %t", gone, test.gone)
			}
		})
	}
}
