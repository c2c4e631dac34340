package dynamicresources

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/deviceclass"
)

// EventsToRegister implements fwk.EnqueueExtensions.
func (*Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.ResourceClaim, ActionType: fwk.Add | fwk.Update | fwk.Delete}, QueueingHintFn: claimHelps},
		{Event: fwk.ClusterEvent{Resource: fwk.ResourceSlice, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: onlyWithClaims},
		{Event: fwk.ClusterEvent{Resource: fwk.DeviceClass, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: onlyWithClaims},
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeLabel}, QueueingHintFn: onlyWithClaims},
		// Devices that were chosen for a pod which is not bound after all are free again, and no claim tells of it.
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, QueueingHintFn: goneHelps},
	}, nil
}

func onlyWithClaims(_ klog.Logger, pod *corev1.Pod, _, _ any) (fwk.QueueingHint, error) {
	if !asks(pod) {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}

// asks says that the pod may use devices: it has claims, or extended resources.
func asks(pod *corev1.Pod) bool { return len(pod.Spec.ResourceClaims) > 0 || deviceclass.Asks(pod) }

// goneHelps: a pod with claims that goes, or goes nowhere.
func goneHelps(_ klog.Logger, pod *corev1.Pod, old, _ any) (fwk.QueueingHint, error) {
	if gone, ok := old.(*corev1.Pod); ok && !asks(gone) {
		return fwk.QueueSkip, nil
	}
	return onlyWithClaims(klog.Background(), pod, nil, nil)
}

// claimHelps: a claim of the pod itself, or devices that somebody has given back.
func claimHelps(_ klog.Logger, pod *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, _ := old.(*resourcev1.ResourceClaim)
	now, _ := changed.(*resourcev1.ResourceClaim)
	if before != nil && before.Status.Allocation != nil && (now == nil || now.Status.Allocation == nil) {
		return onlyWithClaims(klog.Background(), pod, nil, nil)
	}
	if now == nil || now.Namespace != pod.Namespace {
		return fwk.QueueSkip, nil
	}
	for i := range pod.Spec.ResourceClaims {
		if name, _, err := resourceclaim.Name(pod, &pod.Spec.ResourceClaims[i]); err == nil && name != nil && *name == now.Name {
			return fwk.Queue, nil
		}
	}
	return fwk.QueueSkip, nil
}
