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
