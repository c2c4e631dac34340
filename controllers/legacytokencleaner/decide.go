package legacytokencleaner

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Labels of Secrets with tokens; both hold days.
const (
	lastUsed     = "kubernetes.io/legacy-token-last-used"
	invalidSince = "kubernetes.io/legacy-token-invalid-since"
)

// Tracking is the ConfigMap of kube-system that says in "since" from which day on uses are noted.
const Tracking = "kube-apiserver-legacy-service-account-token-tracking"

// Since reads the day of the ConfigMap; nil if there is none.
func Since(tracking *corev1.ConfigMap) *time.Time { return day(tracking.Data["since"]) }

func day(s string) *time.Time {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return &t
	}
	return nil
}

// what is to be done with a token.
type what string

const (
	nothing what = "nothing"
	mark    what = "mark"
	remove  what = "remove"
)

// decide says what is to be done with a token that was made with its account and that no pod has mounted, and when to look again.
func decide(secret *corev1.Secret, since, now time.Time, period time.Duration) (what, time.Duration) {
	last := since
	for _, later := range []*time.Time{day(secret.Labels[lastUsed]), &secret.CreationTimestamp.Time} {
		if later != nil && later.After(last) {
			last = *later
		}
	}
	if wait := last.Add(period).Sub(now); wait > 0 {
		return nothing, wait
	}
	marked := day(secret.Labels[invalidSince])
	if marked == nil {
		return mark, period
	}
	if wait := marked.Add(period).Sub(now); wait > 0 {
		return nothing, wait
	}
	return remove, 0
}
