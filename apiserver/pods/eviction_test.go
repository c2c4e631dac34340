package pods

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Whoever reads a budget right after an eviction sees by its condition, too, whether there may be another one.
func TestSpentBudgetSaysSo(t *testing.T) {
	now := metav1.NewTime(time.Unix(1_600_000_000, 0))
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Generation: 3}, Status: policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 3, DisruptionsAllowed: 2}}
	spent := metav1.Condition{
		Type: policyv1.DisruptionAllowedCondition, Status: metav1.ConditionFalse, Reason: policyv1.InsufficientPodsReason, ObservedGeneration: 3, LastTransitionTime: now,
	}
	for i, want := range [][]metav1.Condition{nil, {spent}} { // while there may be another one, nothing changes
		if err := spend(budget, "p", now); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, budget.Status.Conditions); diff != "" {
			t.Errorf("after eviction %d: %s", i, diff)
		}
	}
	if err := spend(budget, "p", now); !apierrors.IsTooManyRequests(err) {
		t.Errorf("a third one: %v", err)
	}
}

// A pod that was to go for another reason says the last one, since the time of the first.
func TestEvictionTellsOfItself(t *testing.T) {
	then, now := metav1.NewTime(time.Unix(1_600_000_000, 0)), metav1.NewTime(time.Unix(1_700_000_000, 0))
	for before, since := range map[corev1.ConditionStatus]metav1.Time{corev1.ConditionTrue: then, corev1.ConditionFalse: now} {
		pod := &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{
			Type: corev1.DisruptionTarget, Status: before, Reason: corev1.PodReasonPreemptionByScheduler, LastTransitionTime: then,
		}}}}
		markDisrupted(pod, now)
		got := pod.Status.Conditions[0]
		if len(pod.Status.Conditions) != 1 || got.Reason != "EvictionByEvictionAPI" || got.Status != corev1.ConditionTrue || !got.LastTransitionTime.Equal(&since) {
			t.Errorf("before %s: %v", before, pod.Status.Conditions)
		}
	}
}
