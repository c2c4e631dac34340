// Package nodedeclaredfeatures refuses nodes that do not declare, in their status, what a pod's specification needs of their kubelet.
// What that is is inferred by k8s.io/component-helpers/nodedeclaredfeatures.
package nodedeclaredfeatures

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/version"
	ndf "k8s.io/component-helpers/nodedeclaredfeatures"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
)

// Name in configurations.
const Name = "NodeDeclaredFeatures"

// Plugin implements PreFilter and Filter.
type Plugin struct{}

var (
	_ fwk.PreFilterPlugin   = Plugin{}
	_ fwk.FilterPlugin      = Plugin{}
	_ fwk.EnqueueExtensions = Plugin{}
)

// needs are the features that the pod of this cycle needs.
type needs struct{ ndf.FeatureSet }

// Clone implements fwk.StateData.
func (n needs) Clone() fwk.StateData { return n }

// Local implements profile.Local.
func (Plugin) Local() {}

// Name implements fwk.Plugin.
func (Plugin) Name() string { return Name }

// Of are the names of the features that a pod needs.
func Of(pod *corev1.Pod) ([]string, error) {
	needed, err := infer(pod)
	if err != nil || needed.IsEmpty() {
		return nil, err
	}
	return ndf.DefaultFramework.Unmap(needed)
}

func infer(pod *corev1.Pod) (ndf.FeatureSet, error) {
	return ndf.DefaultFramework.InferForPodScheduling(&ndf.PodInfo{Spec: &pod.Spec, Status: &pod.Status}, version.MajorMinor(1, 36))
}

// PreFilter implements fwk.PreFilterPlugin: most pods need nothing.
func (Plugin) PreFilter(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	needed, err := infer(pod)
	if err != nil {
		return nil, fwk.AsStatus(err)
	}
	if needed.IsEmpty() {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	cycle.Write(Name, needs{needed})
	return nil, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Filter implements fwk.FilterPlugin.
func (Plugin) Filter(_ context.Context, cycle fwk.CycleState, _ *corev1.Pod, info fwk.NodeInfo) *fwk.Status {
	data, err := cycle.Read(Name)
	if err != nil {
		return nil
	}
	match, err := ndf.DefaultFramework.MatchNode(data.(needs).FeatureSet, info.Node())
	if err != nil {
		return fwk.AsStatus(err)
	}
	if !match.IsMatch {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "node(s) didn't match Pod's required features")
	}
	return nil
}

// EventsToRegister implements fwk.EnqueueExtensions.
func (Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeDeclaredFeature}, QueueingHintFn: declares},
	}, nil
}

// declares: a node that has come to declare all that the pod needs.
func declares(_ klog.Logger, pod *corev1.Pod, _, changed any) (fwk.QueueingHint, error) {
	node, ok := changed.(*corev1.Node)
	needed, err := Of(pod)
	lacks := func(name string) bool { return !slices.Contains(node.Status.DeclaredFeatures, name) }
	if !ok || err != nil || slices.ContainsFunc(needed, lacks) {
		return fwk.QueueSkip, err
	}
	return fwk.Queue, nil
}
