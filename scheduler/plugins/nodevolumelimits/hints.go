package nodevolumelimits

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/happened"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumes"
)

// EventsToRegister implements fwk.EnqueueExtensions.
func (*Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.CSINode, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: limitsHelp},
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, QueueingHintFn: podHelps},
		{Event: fwk.ClusterEvent{Resource: fwk.PersistentVolumeClaim, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: volumes.OfPod},
		{Event: fwk.ClusterEvent{Resource: fwk.VolumeAttachment, ActionType: fwk.Delete}},
	}, nil
}

// limitsHelp: a node that says of its drivers for the first time, or lets one of them attach more than before.
func limitsHelp(_ klog.Logger, _ *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[storagev1.CSINode](old, changed)
	if before == nil || now == nil {
		return fwk.Queue, nil
	}
	for _, was := range before.Spec.Drivers {
		at := slices.IndexFunc(now.Spec.Drivers, func(d storagev1.CSINodeDriver) bool { return d.Name == was.Name })
		if limit := countOf(was); limit >= 0 && (at < 0 || countOf(now.Spec.Drivers[at]) < 0 || countOf(now.Spec.Drivers[at]) > limit) {
			return fwk.Queue, nil
		}
	}
	return fwk.QueueSkip, nil
}

// countOf is how many volumes a driver attaches at most, -1 if it does not say.
func countOf(d storagev1.CSINodeDriver) int32 {
	if d.Allocatable == nil || d.Allocatable.Count == nil {
		return -1
	}
	return *d.Allocatable.Count
}

// podHelps: a pod that is gone and had volumes.
func podHelps(_ klog.Logger, _ *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	if gone, _ := happened.To[corev1.Pod](old, changed); gone != nil && !attaches(gone) {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}
