// Package nodeunschedulable refuses cordoned nodes, unless the pod tolerates the taint that cordoning puts on them.
package nodeunschedulable

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/happened"
)

// Name in configurations.
const Name = "NodeUnschedulable"

// Plugin implements Filter.
type Plugin struct{}

var (
	_ fwk.FilterPlugin      = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// Local implements profile.Local.
func (*Plugin) Local() {}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// Filter implements fwk.FilterPlugin.
func (*Plugin) Filter(ctx context.Context, _ fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	if !node.Node().Spec.Unschedulable || tolerates(klog.FromContext(ctx), pod) {
		return nil
	}
	return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "node(s) were unschedulable")
}

func tolerates(logger klog.Logger, pod *corev1.Pod) bool {
	cordon := corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}
	return helpers.TolerationsTolerateTaint(logger, pod.Spec.Tolerations, &cordon, false)
}

// EventsToRegister implements fwk.EnqueueExtensions.
func (*Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeTaint}, QueueingHintFn: nodeHelps},
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.UpdatePodToleration}, QueueingHintFn: podHelps},
	}, nil
}

// nodeHelps: a node that is no longer cordoned.
func nodeHelps(_ klog.Logger, _ *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[corev1.Node](old, changed)
	if !happened.Begins(before, now, func(node *corev1.Node) bool { return !node.Spec.Unschedulable }) {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}

// podHelps: the pod itself, if it tolerates now that nodes are cordoned.
func podHelps(logger klog.Logger, waiting *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	if _, now := happened.To[corev1.Pod](old, changed); now == nil || now.UID != waiting.UID || !tolerates(logger, now) {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}
