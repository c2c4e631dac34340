// Package nodeports refuses nodes on which a host port that the pod asks for is taken.
package nodeports

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/happened"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// Name in configurations.
const Name = "NodePorts"

// Plugin implements PreFilter and Filter.
type Plugin struct{}

var (
	_ fwk.PreFilterPlugin   = &Plugin{}
	_ fwk.FilterPlugin      = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// Local implements profile.Local.
func (*Plugin) Local() {}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreFilter implements fwk.PreFilterPlugin: a pod without host ports fits everywhere.
func (*Plugin) PreFilter(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	if len(state.HostPorts(pod)) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	return nil, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (*Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Filter implements fwk.FilterPlugin.
func (*Plugin) Filter(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	if taken(pod, node.GetUsedPorts()) {
		return fwk.NewStatus(fwk.Unschedulable, "node(s) didn't have free ports for the requested pod ports")
	}
	return nil
}

func taken(pod *corev1.Pod, used fwk.HostPortInfo) bool {
	return slices.ContainsFunc(state.HostPorts(pod), func(port corev1.ContainerPort) bool {
		return used.CheckConflict(port.HostIP, string(port.Protocol), port.HostPort)
	})
}

// EventsToRegister implements fwk.EnqueueExtensions.
func (*Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, QueueingHintFn: podHelps},
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add}},
	}, nil
}

// podHelps: a pod that is gone and had one of the ports.
func podHelps(_ klog.Logger, waiting *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	gone, _ := happened.To[corev1.Pod](old, changed)
	if gone == nil {
		return fwk.Queue, nil
	}
	used := fwk.HostPortInfo{}
	for _, port := range state.HostPorts(gone) {
		used.Add(port.HostIP, string(port.Protocol), port.HostPort)
	}
	if !taken(waiting, used) {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}
