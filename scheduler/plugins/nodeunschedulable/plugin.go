// Package nodeunschedulable refuses cordoned nodes, unless the pod tolerates the taint that cordoning puts on them.
package nodeunschedulable

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
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
	cordon := corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}
	if !node.Node().Spec.Unschedulable || helpers.TolerationsTolerateTaint(klog.FromContext(ctx), pod.Spec.Tolerations, &cordon, false) {
		return nil
	}
	return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "node(s) were unschedulable")
}

// EventsToRegister implements fwk.EnqueueExtensions.
func (*Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeTaint}},
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.UpdatePodToleration}},
	}, nil
}
