package deployment

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// A paused Deployment says so also when it was complete before: nothing else owns the condition until it is resumed.
func TestPausedWhenComplete(t *testing.T) {
	now := time.Unix(1000, 0)
	d := deployment(2, "1", "0")
	d.Spec.ProgressDeadlineSeconds = ptr.To[int32](600)
	s := &sets{current: set("new", 2, 2)}
	reason := func(paused bool, base *appsv1.DeploymentStatus) (appsv1.DeploymentStatus, string) {
		d.Spec.Paused = paused
		setPaused(base, d, now)
		status := computeStatus(d, s, base, now)
		return status, condition(&status, appsv1.DeploymentProgressing).Reason
	}
	status, got := reason(false, &appsv1.DeploymentStatus{})
	if got != availableReason {
		t.Fatalf("a complete Deployment is %s", got)
	}
	status, got = reason(true, &status)
	if c := condition(&status, appsv1.DeploymentProgressing); got != pausedReason || c.Status != corev1.ConditionUnknown {
		t.Errorf("a paused Deployment is %s %s, want %s", got, c.Status, pausedReason)
	}
	if _, got = reason(false, &status); got != availableReason {
		t.Errorf("a resumed complete Deployment is %s, want %s", got, availableReason)
	}
}

// A rollout that begins after a complete one has a deadline, also when its first step was not seen: the new set has pods
// already, and fewer than the deployment says are of the current template.
func TestRolloutAfterACompleteOneHasADeadline(t *testing.T) {
	begun := time.Unix(1000, 0)
	d := deployment(2, "1", "0")
	d.Spec.ProgressDeadlineSeconds = ptr.To[int32](2)
	d.Status = computeStatus(d, &sets{current: set("old", 2, 2)}, &appsv1.DeploymentStatus{}, begun.Add(-time.Minute))
	s := &sets{current: set("new", 1, 0), old: []*appsv1.ReplicaSet{set("old", 2, 2)}}
	reason := func(now time.Time) string {
		d.Status = computeStatus(d, s, &d.Status, now)
		return condition(&d.Status, appsv1.DeploymentProgressing).Reason
	}
	if got := reason(begun); got != updatedReason {
		t.Errorf("when it begins: %s, want %s", got, updatedReason)
	}
	if wait := deadlineIn(d, d.Status, begun); wait <= 0 {
		t.Error("nothing wakes the controller at the deadline")
	}
	if got := reason(begun.Add(2 * time.Second)); got != deadlineReason {
		t.Errorf("at the deadline: %s, want %s", got, deadlineReason)
	}
}

// A paused Deployment keeps its condition when its deadline is taken away: it goes when the rollout goes on.
func TestPausedKeepsItsConditionWithoutADeadline(t *testing.T) {
	now := time.Unix(1000, 0)
	d := deployment(2, "1", "0")
	d.Spec.Paused = true
	s := &sets{current: set("new", 2, 0)}
	base := &appsv1.DeploymentStatus{Conditions: []appsv1.DeploymentCondition{progressing(corev1.ConditionFalse, deadlineReason, "timed out")}}
	status := computeStatus(d, s, base, now)
	if condition(&status, appsv1.DeploymentProgressing) == nil {
		t.Error("the condition is gone while the Deployment is paused")
	}
	d.Spec.Paused = false
	status = computeStatus(d, s, &status, now)
	if condition(&status, appsv1.DeploymentProgressing) != nil {
		t.Error("a Deployment without a deadline says how it progresses")
	}
}
