package legacytokencleaner

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

const year = 365 * 24 * time.Hour

func at(s string) time.Time {
	t, _ := time.Parse(time.DateOnly, s)
	return t
}

func token(labels map[string]string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a-token", UID: "u", Labels: labels,
			CreationTimestamp: metav1.NewTime(at("2020-01-01")), Annotations: map[string]string{corev1.ServiceAccountNameKey: "a"}},
		Type: corev1.SecretTypeServiceAccountToken,
	}
}

func TestDecide(t *testing.T) {
	for name, c := range map[string]struct {
		labels map[string]string
		since  string
		want   what
		wait   time.Duration
	}{
		"uses are noted for too short a time": {nil, "2026-01-02", nothing, year - 24*time.Hour},
		"never used":                          {nil, "2025-01-01", mark, year},
		"used":                                {map[string]string{lastUsed: "2026-01-01"}, "2021-01-01", nothing, year - 48*time.Hour},
		"not used for a year":                 {map[string]string{lastUsed: "2025-01-02"}, "2021-01-01", mark, year},
		"a day that is none":                  {map[string]string{lastUsed: "yesterday"}, "2021-01-01", mark, year},
		"switched off":                        {map[string]string{lastUsed: "2022-01-02", invalidSince: "2026-01-01"}, "2021-01-01", nothing, year - 48*time.Hour},
		"switched off, and used since":        {map[string]string{lastUsed: "2026-01-02", invalidSince: "2024-01-01"}, "2021-01-01", nothing, year - 24*time.Hour},
		"switched off a year ago":             {map[string]string{lastUsed: "2022-01-02", invalidSince: "2025-01-03"}, "2021-01-01", remove, 0},
		"switched off on a day that is none":  {map[string]string{invalidSince: "true"}, "2021-01-01", mark, year},
	} {
		if got, wait := decide(token(c.labels), at(c.since), at("2026-01-03"), year); got != c.want || wait != c.wait {
			t.Errorf("%s: %s, again in %s", name, got, wait)
		}
	}
}

func TestLifeOfATokenThatNobodyUses(t *testing.T) {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a"}, Secrets: []corev1.ObjectReference{{Name: "a-token"}}}
	tracking := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: Tracking}, Data: map[string]string{"since": "2024-01-01"}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p"}, Spec: corev1.PodSpec{Volumes: []corev1.Volume{{
		VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "a-token"}},
	}}}}
	asked := token(nil)
	asked.Name = "asked-for"
	api := fake.NewClientBuilder().WithObjects(account, tracking, token(nil), asked, pod).Build()
	clock := clocktesting.NewFakePassiveClock(at("2026-01-03"))
	c := &Controller{Client: api, Live: api, Clock: clock, Period: year}
	turn := func(name string) (*corev1.Secret, bool, time.Duration) {
		t.Helper()
		secret := &corev1.Secret{}
		if err := api.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: name}, secret); err != nil {
			t.Fatal(err)
		}
		result, err := c.Reconcile(t.Context(), secret)
		if err != nil {
			t.Fatal(err)
		}
		gone := apierrors.IsNotFound(api.Get(t.Context(), client.ObjectKeyFromObject(secret), secret))
		return secret, gone, result.RequeueAfter
	}
	if secret, gone, wait := turn("asked-for"); gone || secret.Labels[invalidSince] != "" || wait != 0 {
		t.Errorf("a token that was asked for: %v, again in %s", secret.Labels, wait)
	}
	if secret, gone, wait := turn("a-token"); gone || secret.Labels[invalidSince] != "" || wait != again {
		t.Errorf("a token that a pod has: %v, again in %s", secret.Labels, wait)
	}
	if err := api.Delete(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	if secret, gone, wait := turn("a-token"); gone || secret.Labels[invalidSince] != "2026-01-03" || wait != year {
		t.Errorf("after a year: %v, again in %s", secret.Labels, wait)
	}
	clock.SetTime(at("2027-01-03"))
	if secret, gone, _ := turn("a-token"); !gone {
		t.Errorf("after two years: %v", secret.Labels)
	}
}

func TestAnyObject(t *testing.T) {
	api := fake.NewClientBuilder().Build()
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		secret, pod, account, tracking := &corev1.Secret{}, &corev1.Pod{}, &corev1.ServiceAccount{}, &corev1.ConfigMap{}
		for _, o := range []any{secret, pod, account, tracking} {
			fill.Fill(o)
		}
		decide(secret, at("2026-01-01"), fuzzing.Now(), year)
		mounts(pod, "a")
		names(account, "a")
		of(t.Context(), account)
		Since(tracking)
		c := &Controller{Client: api, Live: api, Clock: clocktesting.NewFakePassiveClock(fuzzing.Now()), Period: year}
		if _, err := c.Reconcile(t.Context(), secret); err != nil {
			t.Fatal(err)
		}
	})
}
