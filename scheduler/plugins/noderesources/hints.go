package noderesources

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/deviceclass"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/happened"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// EventsToRegister implements fwk.EnqueueExtensions.
func (f *Fit) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete | fwk.UpdatePodScaleDown}, QueueingHintFn: podHelps},
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeAllocatable}, QueueingHintFn: f.nodeHelps},
		{Event: fwk.ClusterEvent{Resource: fwk.DeviceClass, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: classHelps},
	}, nil
}

// podHelps: a pod that is gone, or the pod itself or another one that takes less now of what the pod asks for.
func podHelps(_ klog.Logger, waiting *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[corev1.Pod](old, changed)
	if before == nil || now == nil || now.UID == waiting.UID {
		return fwk.Queue, nil
	}
	if asksForMore(waiting, state.NewPodInfo(now).Requests().Of, state.NewPodInfo(before).Requests().Of) { // what it takes less there is more of
		return fwk.Queue, nil
	}
	return fwk.QueueSkip, nil
}

// nodeHelps: a node that has room for the pod when it is empty, if it has more of what the pod asks for than before.
func (f *Fit) nodeHelps(_ klog.Logger, waiting *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[corev1.Node](old, changed)
	if now == nil {
		return fwk.QueueSkip, nil
	}
	if f.Client != nil && deviceclass.Asks(waiting) {
		if classes, err := deviceclass.Of(context.Background(), f.Client, waiting); err != nil || len(classes) > 0 {
			return fwk.Queue, err // what the node has is not all
		}
	}
	info := state.NewNodeInfo(now)
	if !f.HasRoom(state.NewPodInfo(waiting).Requests(), info) {
		return fwk.QueueSkip, nil
	}
	if before == nil {
		return fwk.Queue, nil
	}
	was, is := state.NewNodeInfo(before).GetAllocatable(), info.GetAllocatable()
	if is.GetAllowedPodNumber() > was.GetAllowedPodNumber() || asksForMore(waiting, was.(*state.Resource).Of, is.(*state.Resource).Of) {
		return fwk.Queue, nil
	}
	return fwk.QueueSkip, nil
}

// asksForMore says whether there is more than before of something that the pod asks for.
func asksForMore(waiting *corev1.Pod, before, now func(corev1.ResourceName) int64) bool {
	want := state.NewPodInfo(waiting).Requests()
	names := []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage}
	for name := range want.Scalar {
		names = append(names, name)
	}
	for _, name := range names {
		if want.Of(name) > 0 && now(name) > before(name) {
			return true
		}
	}
	return false
}
