package volumebinding

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/happened"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/volumes"
)

// EventsToRegister implements fwk.EnqueueExtensions.
func (*Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.PersistentVolumeClaim, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: volumes.OfPod},
		{Event: fwk.ClusterEvent{Resource: fwk.PersistentVolume, ActionType: fwk.Add | fwk.Update}},
		{Event: fwk.ClusterEvent{Resource: fwk.StorageClass, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: classHelps},
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeLabel}},
		{Event: fwk.ClusterEvent{Resource: fwk.CSINode, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: moved},
		{Event: fwk.ClusterEvent{Resource: fwk.CSIDriver, ActionType: fwk.Update}, QueueingHintFn: driverHelps},
		{Event: fwk.ClusterEvent{Resource: fwk.CSIStorageCapacity, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: capacityHelps},
	}, nil
}

// moved: where another driver is known to have moved out of the tree, other places may be reached.
func moved(_ klog.Logger, _ *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[storagev1.CSINode](old, changed)
	if before != nil && now != nil && now.Annotations[corev1.MigratedPluginsAnnotationKey] == before.Annotations[corev1.MigratedPluginsAnnotationKey] {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}

// classHelps: a class that has come, or allows other places.
func classHelps(_ klog.Logger, _ *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[storagev1.StorageClass](old, changed)
	if before != nil && now != nil && equality.Semantic.DeepEqual(before.AllowedTopologies, now.AllowedTopologies) {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}

// driverHelps: a driver whose capacity does not count any more.
func driverHelps(_ klog.Logger, _ *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[storagev1.CSIDriver](old, changed)
	counts := func(d *storagev1.CSIDriver) bool { return d.Spec.StorageCapacity != nil && *d.Spec.StorageCapacity }
	if before != nil && now != nil && (!counts(before) || counts(now)) {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}

// capacityHelps: capacity that has come, or lets a volume be larger than before.
func capacityHelps(_ klog.Logger, _ *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[storagev1.CSIStorageCapacity](old, changed)
	if before == nil || now == nil {
		return fwk.Queue, nil
	}
	if was, is := largest(before), largest(now); is == nil || was != nil && is.Cmp(*was) <= 0 {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}
