package tokens

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
)

func secretOf(name, uid string) *corev1.Secret {
	return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(uid)}}
}

// The use of a token is noted once a day, also when the secret is another one of that name; nothing is remembered of days that are over.
func TestUsesAreNotedOnceADay(t *testing.T) {
	clock := testingclock.NewFakePassiveClock(time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC))
	u := NewUses(clock, func(context.Context, types.NamespacedName, string) error { return nil })
	names := func() []string {
		var all []string
		for secret, day := range u.take() {
			all = append(all, secret.Name+" "+day)
		}
		return all
	}
	for _, step := range []struct {
		name, uid string
		want      []string
	}{{"a", "1", []string{"a 2026-01-02"}}, {"a", "1", nil}, {"a", "2", []string{"a 2026-01-02"}}, {"b", "3", []string{"b 2026-01-02"}}} {
		u.note(secretOf(step.name, step.uid))
		if diff := cmp.Diff(step.want, names()); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", step.name, step.uid, diff)
		}
	}
	clock.SetTime(clock.Now().Add(24 * time.Hour))
	u.note(secretOf("c", "4"))
	if len(u.noted) != 1 {
		t.Errorf("on the next day %v is remembered", u.noted)
	}
}
