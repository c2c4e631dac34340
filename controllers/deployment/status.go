package deployment

import (
	"fmt"
	"math"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// Reasons of the Progressing condition.
const (
	pausedReason      = "DeploymentPaused"
	resumedReason     = "DeploymentResumed"
	createdReason     = "NewReplicaSetCreated"
	foundReason       = "FoundNewReplicaSet"
	updatedReason     = "ReplicaSetUpdated"
	availableReason   = "NewReplicaSetAvailable"
	deadlineReason    = "ProgressDeadlineExceeded"
	createErrorReason = "ReplicaSetCreateError"
)

// reported is the deployment's status as its sets add up to, conditions apart.
func reported(d *appsv1.Deployment, sets *sets) appsv1.DeploymentStatus {
	all := sets.all()
	status := appsv1.DeploymentStatus{
		ObservedGeneration: d.Generation,
		Replicas:           total(all, func(rs *appsv1.ReplicaSet) int32 { return rs.Status.Replicas }),
		ReadyReplicas:      total(all, func(rs *appsv1.ReplicaSet) int32 { return rs.Status.ReadyReplicas }),
		AvailableReplicas:  total(all, available),
		CollisionCount:     d.Status.CollisionCount,
	}
	if sets.current != nil {
		status.UpdatedReplicas = sets.current.Status.Replicas
	}
	status.UnavailableReplicas = max(total(all, setReplicas)-status.AvailableReplicas, 0)
	terminating := int32(0)
	for _, rs := range all {
		if rs.Status.TerminatingReplicas == nil {
			return status // not known of all: not reported
		}
		terminating += *rs.Status.TerminatingReplicas
	}
	status.TerminatingReplicas = &terminating
	return status
}

// computeStatus is the whole status: what the sets add up to, on top of the conditions
// (and the collision count) that the step left in base.
func computeStatus(d *appsv1.Deployment, sets *sets, base *appsv1.DeploymentStatus, now time.Time) appsv1.DeploymentStatus {
	status := reported(d, sets)
	status.CollisionCount = base.CollisionCount
	status.Conditions = append([]appsv1.DeploymentCondition(nil), base.Conditions...)
	if status.AvailableReplicas >= replicas(d)-maxUnavailable(d) {
		setCondition(&status, appsv1.DeploymentCondition{
			Type: appsv1.DeploymentAvailable, Status: corev1.ConditionTrue,
			Reason: "MinimumReplicasAvailable", Message: "Deployment has minimum availability.",
		}, now)
	} else {
		setCondition(&status, appsv1.DeploymentCondition{
			Type: appsv1.DeploymentAvailable, Status: corev1.ConditionFalse,
			Reason: "MinimumReplicasUnavailable", Message: "Deployment does not have minimum availability.",
		}, now)
	}
	setProgress(d, sets, &status, now)
	setFailure(sets, &status, now)
	return status
}

// setProgress sets the Progressing condition, unless pausing owns it; without a deadline there is none.
func setProgress(d *appsv1.Deployment, sets *sets, status *appsv1.DeploymentStatus, now time.Time) {
	if d.Spec.Paused {
		return
	}
	if !hasDeadline(d) {
		removeCondition(status, appsv1.DeploymentProgressing)
		return
	}
	current := condition(status, appsv1.DeploymentProgressing)
	// A deployment that was complete and whose update has not started stays complete.
	settled := status.Replicas == status.UpdatedReplicas && current != nil && current.Reason == availableReason
	if settled {
		return
	}
	name := fmt.Sprintf("Deployment %q", d.Name)
	if sets.current != nil {
		name = fmt.Sprintf("ReplicaSet %q", sets.current.Name)
	}
	switch {
	case complete(d, *status):
		setCondition(status, progressing(corev1.ConditionTrue, availableReason, name+" has successfully progressed."), now)
	case progressed(d, *status), current != nil && current.Reason == availableReason: // the latter has just begun
		next := progressing(corev1.ConditionTrue, updatedReason, name+" is progressing.")
		if current != nil && current.Status == corev1.ConditionTrue {
			// Progress renews the deadline though status and reason stay.
			next.LastTransitionTime = current.LastTransitionTime
			removeCondition(status, appsv1.DeploymentProgressing)
		}
		setCondition(status, next, now)
	case timedOut(d, *status, now):
		setCondition(status, progressing(corev1.ConditionFalse, deadlineReason, name+" has timed out progressing."), now)
	}
}

// complete says whether every replica is of the current template, and available.
func complete(d *appsv1.Deployment, status appsv1.DeploymentStatus) bool {
	want := replicas(d)
	return status.UpdatedReplicas == want && status.Replicas == want &&
		status.AvailableReplicas == want && status.ObservedGeneration >= d.Generation
}

// progressed says whether status is nearer to the goal than the deployment's last one.
func progressed(d *appsv1.Deployment, status appsv1.DeploymentStatus) bool {
	last := d.Status
	return status.UpdatedReplicas > last.UpdatedReplicas ||
		status.Replicas-status.UpdatedReplicas < last.Replicas-last.UpdatedReplicas ||
		status.ReadyReplicas > last.ReadyReplicas ||
		status.AvailableReplicas > last.AvailableReplicas
}

// timedOut says whether nothing has progressed for the whole deadline.
func timedOut(d *appsv1.Deployment, status appsv1.DeploymentStatus, now time.Time) bool {
	current := condition(&status, appsv1.DeploymentProgressing)
	if current == nil || current.Reason == availableReason {
		return false
	}
	if current.Reason == deadlineReason {
		return true
	}
	return !now.Before(current.LastUpdateTime.Add(deadline(d)))
}

// deadlineIn is when a deployment that makes no progress must be looked at again.
func deadlineIn(d *appsv1.Deployment, status appsv1.DeploymentStatus, now time.Time) time.Duration {
	current := condition(&status, appsv1.DeploymentProgressing)
	if !hasDeadline(d) || d.Spec.Paused || current == nil || complete(d, status) ||
		current.Reason == availableReason || current.Reason == deadlineReason {
		return 0
	}
	return max(current.LastUpdateTime.Add(deadline(d)).Sub(now), 0) + time.Second
}

func hasDeadline(d *appsv1.Deployment) bool {
	return d.Spec.ProgressDeadlineSeconds != nil && *d.Spec.ProgressDeadlineSeconds != math.MaxInt32
}

func deadline(d *appsv1.Deployment) time.Duration {
	return time.Duration(ptr.Deref(d.Spec.ProgressDeadlineSeconds, 0)) * time.Second
}

// setPaused notes in the Progressing condition that a rollout was paused or resumed.
func setPaused(status *appsv1.DeploymentStatus, d *appsv1.Deployment, now time.Time) {
	if !hasDeadline(d) {
		return
	}
	current := condition(status, appsv1.DeploymentProgressing)
	if current != nil && current.Reason == deadlineReason {
		return // do not hide that it timed out
	}
	paused := current != nil && current.Reason == pausedReason
	switch {
	case d.Spec.Paused && !paused:
		setCondition(status, progressing(corev1.ConditionUnknown, pausedReason, "Deployment is paused"), now)
	case !d.Spec.Paused && paused:
		setCondition(status, progressing(corev1.ConditionUnknown, resumedReason, "Deployment is resumed"), now)
	}
}

// setFailure copies the failure of a replica set, the current one's before others'.
func setFailure(sets *sets, status *appsv1.DeploymentStatus, now time.Time) {
	candidates := sets.old
	if sets.current != nil {
		candidates = append([]*appsv1.ReplicaSet{sets.current}, sets.old...)
	}
	for _, rs := range candidates {
		for _, failure := range rs.Status.Conditions {
			if failure.Type == appsv1.ReplicaSetReplicaFailure {
				setCondition(status, appsv1.DeploymentCondition{
					Type: appsv1.DeploymentReplicaFailure, Status: failure.Status, Reason: failure.Reason, Message: failure.Message,
				}, now)
				return
			}
		}
	}
	removeCondition(status, appsv1.DeploymentReplicaFailure)
}

func progressing(status corev1.ConditionStatus, reason, message string) appsv1.DeploymentCondition {
	return appsv1.DeploymentCondition{Type: appsv1.DeploymentProgressing, Status: status, Reason: reason, Message: message}
}

func condition(status *appsv1.DeploymentStatus, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return &status.Conditions[i]
		}
	}
	return nil
}

// setCondition sets next unless one of the same status and reason is there already.
func setCondition(status *appsv1.DeploymentStatus, next appsv1.DeploymentCondition, now time.Time) {
	current := condition(status, next.Type)
	if current != nil && current.Status == next.Status && current.Reason == next.Reason {
		return
	}
	next.LastUpdateTime = metav1.NewTime(now)
	if next.LastTransitionTime.IsZero() {
		next.LastTransitionTime = metav1.NewTime(now)
	}
	if current != nil && current.Status == next.Status {
		next.LastTransitionTime = current.LastTransitionTime
	}
	removeCondition(status, next.Type)
	status.Conditions = append(status.Conditions, next)
}

func removeCondition(status *appsv1.DeploymentStatus, kind appsv1.DeploymentConditionType) {
	var kept []appsv1.DeploymentCondition
	for _, c := range status.Conditions {
		if c.Type != kind {
			kept = append(kept, c)
		}
	}
	status.Conditions = kept
}
