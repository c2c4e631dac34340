package pods

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Whoever reads a budget right after an eviction sees by its condition, too, whether there may be another one.
func TestSpentBudgetSaysSo(t *testing.T) {
	now := metav1.NewTime(time.Unix(1_600_000_000, 0))
	condition := func(status metav1.ConditionStatus, reason string) []metav1.Condition {
		return []metav1.Condition{{Type: policyv1.DisruptionAllowedCondition, Status: status, Reason: reason, ObservedGeneration: 3, LastTransitionTime: now}}
	}
	budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Generation: 3}, Status: policyv1.PodDisruptionBudgetStatus{ObservedGeneration: 3, DisruptionsAllowed: 2}}
	for i, want := range [][]metav1.Condition{
		condition(metav1.ConditionTrue, policyv1.SufficientPodsReason), condition(metav1.ConditionFalse, policyv1.InsufficientPodsReason),
	} {
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
