package queue

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// ownChanges are the changes of a pod without a node that may help it: nothing else of a pod that waits can change, or is asked about.
func ownChanges(old, changed *state.PodInfo) fwk.ActionType {
	action, before, now := fwk.None, old.GetPod(), changed.GetPod()
	if !maps.Equal(before.Labels, now.Labels) {
		action |= fwk.UpdatePodLabel
	}
	if changed.Requests().LessThan(old.Requests()) {
		action |= fwk.UpdatePodScaleDown
	}
	if !slices.EqualFunc(before.Spec.Tolerations, now.Spec.Tolerations, func(a, b corev1.Toleration) bool { return equality.Semantic.DeepEqual(a, b) }) {
		action |= fwk.UpdatePodToleration
	}
	if len(before.Spec.SchedulingGates) > 0 && len(now.Spec.SchedulingGates) == 0 {
		action |= fwk.UpdatePodSchedulingGatesEliminated
	}
	if !equality.Semantic.DeepEqual(before.Status.ResourceClaimStatuses, now.Status.ResourceClaimStatuses) {
		action |= fwk.UpdatePodGeneratedResourceClaim
	}
	return action
}

// own is what the queue keeps of a change of a pod itself: each kind is an event of its own.
func own(old, changed *state.PodInfo) []recorded {
	var all []recorded
	action := ownChanges(old, changed)
	for kind := fwk.ActionType(1); kind != 0 && kind <= action; kind <<= 1 {
		if action&kind != 0 {
			event := fwk.ClusterEvent{Resource: fwk.Pod, ActionType: kind}
			all = append(all, recorded{event: event, old: old.GetPod(), new: changed.GetPod(), of: changed.GetPod().UID})
		}
	}
	return all
}

// note takes note of what has changed of a pod that is being tried, for the end of the attempt.
func (q *Queue) note(changes []recorded) {
	for _, r := range changes {
		q.counter++
		r.number = q.counter
		q.recent = append(q.recent, r)
	}
}

// ownLabel names what brings a pod to another part of the queue: the first of the changes.
func ownLabel(changes []recorded) string {
	if len(changes) == 0 {
		return podUpdated
	}
	return changes[0].label()
}
