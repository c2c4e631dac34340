package replication

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
)

// Only ready pods count, and the youngest of all is what they are compared with.
func TestMeasure(t *testing.T) {
	now := time.Unix(1000, 0)
	pod := func(ready corev1.ConditionStatus, age time.Duration) *corev1.Pod {
		return &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready, LastTransitionTime: metav1.NewTime(now.Add(-age))}}}}
	}
	young, old, unready := pod(corev1.ConditionTrue, 10*time.Second), pod(corev1.ConditionTrue, 30*time.Second), pod(corev1.ConditionFalse, time.Second)
	var got []float64
	k := &Keeper{Clock: testclock.NewFakePassiveClock(now), Ratio: prometheus.ObserverFunc(func(v float64) { got = append(got, v) })}
	k.measure([]*corev1.Pod{young, old, unready}, []*corev1.Pod{old, unready})
	if len(got) != 1 || got[0] != 3 {
		t.Errorf("%v, want 3 alone", got)
	}
}
