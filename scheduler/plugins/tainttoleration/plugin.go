// Package tainttoleration refuses nodes with a NoSchedule or NoExecute taint that the pod does not tolerate, and prefers
// those with fewer PreferNoSchedule taints that it does not tolerate.
package tainttoleration

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/happened"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/normalize"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// Name in configurations.
const Name = "TaintToleration"

// Plugin implements Filter and Score.
type Plugin struct {
	Handle fwk.Handle
}

var (
	_ fwk.FilterPlugin      = &Plugin{}
	_ profile.Uniform       = &Plugin{}
	_ fwk.ScorePlugin       = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// Local implements profile.Local.
func (*Plugin) Local() {}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// Filter implements fwk.FilterPlugin.
func (*Plugin) Filter(ctx context.Context, _ fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	if !tolerates(klog.FromContext(ctx), pod, node.Node()) {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "node(s) had untolerated taint(s)")
	}
	return nil
}

func tolerates(logger klog.Logger, pod *corev1.Pod, node *corev1.Node) bool {
	hard := func(taint *corev1.Taint) bool {
		return taint.Effect == corev1.TaintEffectNoSchedule || taint.Effect == corev1.TaintEffectNoExecute
	}
	_, found := helpers.FindMatchingUntoleratedTaint(logger, node.Spec.Taints, pod.Spec.Tolerations, hard, false)
	return !found
}

// Uniform implements profile.Uniform: where no node has such a taint, all are best.
func (p *Plugin) Uniform() (int64, bool) {
	snapshot, ok := p.Handle.SnapshotSharedLister().(*state.Snapshot)
	return fwk.MaxScore, ok && !snapshot.Shunned()
}

// Score implements fwk.ScorePlugin: the number of taints that speak against the node.
func (*Plugin) Score(ctx context.Context, _ fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	var against int64
	for i := range node.Node().Spec.Taints {
		taint := &node.Node().Spec.Taints[i]
		if taint.Effect == corev1.TaintEffectPreferNoSchedule && !helpers.TolerationsTolerateTaint(klog.FromContext(ctx), pod.Spec.Tolerations, taint, false) {
			against++
		}
	}
	return against, nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (p *Plugin) ScoreExtensions() fwk.ScoreExtensions { return p }

// NormalizeScore implements fwk.ScoreExtensions: no taint is best.
func (*Plugin) NormalizeScore(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	normalize.Lowest(scores)
	return nil
}

// EventsToRegister implements fwk.EnqueueExtensions.
func (*Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeTaint}, QueueingHintFn: nodeHelps},
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.UpdatePodToleration}, QueueingHintFn: podHelps},
	}, nil
}

// nodeHelps: a node whose taints the pod begins to tolerate.
func nodeHelps(logger klog.Logger, waiting *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[corev1.Node](old, changed)
	if !happened.Begins(before, now, func(node *corev1.Node) bool { return tolerates(logger, waiting, node) }) {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}

// podHelps: the pod itself, which tolerates more than before.
func podHelps(_ klog.Logger, waiting *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	if _, now := happened.To[corev1.Pod](old, changed); now == nil || now.UID != waiting.UID {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}
