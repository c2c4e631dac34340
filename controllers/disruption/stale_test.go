package disruption

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// A pod that was to be disrupted and is still there after two minutes is no longer said to be.
func TestStaleDisruptionIsTakenBack(t *testing.T) {
	ctx := context.Background()
	said := time.Unix(1000, 0)
	for why, test := range map[string]struct {
		phase corev1.PodPhase
		after time.Duration
		wait  time.Duration
		want  corev1.PodCondition
	}{
		"there is time left": {corev1.PodRunning, time.Minute, time.Minute, corev1.PodCondition{Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI"}},
		"it is still there":  {corev1.PodRunning, 2 * time.Minute, 0, corev1.PodCondition{Status: corev1.ConditionFalse}},
		"it has ended":       {corev1.PodFailed, time.Hour, 0, corev1.PodCondition{Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI"}},
	} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"}, Status: corev1.PodStatus{Phase: test.phase, Conditions: []corev1.PodCondition{
			{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "EvictionByEvictionAPI", LastTransitionTime: metav1.NewTime(said)},
		}}}
		api := fake.NewClientBuilder().WithObjects(pod).WithStatusSubresource(pod).Build()
		if err := api.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			t.Fatal(err)
		}
		s := &Stale{Client: api, Clock: testclock.NewFakePassiveClock(said.Add(test.after))}
		result, err := s.Reconcile(ctx, pod)
		if err != nil || result.RequeueAfter != test.wait {
			t.Errorf("%s: looks again in %s, %v; want %s", why, result.RequeueAfter, err, test.wait)
		}
		if err := api.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			t.Fatal(err)
		}
		got := podcontrol.Condition(pod, corev1.DisruptionTarget)
		if got == nil || got.Status != test.want.Status || got.Reason != test.want.Reason {
			t.Errorf("%s: the condition is %v", why, got)
		}
	}
}
