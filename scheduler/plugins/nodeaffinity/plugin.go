// Package nodeaffinity refuses nodes that the pod's node selector or required node affinity does not match, and prefers
// those that its preferred terms match.
package nodeaffinity

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/happened"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/normalize"
)

// Name in configurations.
const Name = "NodeAffinity"

const (
	reason      = "node(s) didn't match Pod's node affinity/selector"
	addedReason = "node(s) didn't match scheduler-enforced node affinity"
)

// Plugin implements PreFilter, Filter and Score.
type Plugin struct {
	// Added is asked of nodes beside what pods ask (NodeAffinityArgs.addedAffinity).
	Added *Added
}

// Added is a node affinity of all pods.
type Added struct {
	required  *nodeaffinity.NodeSelector
	preferred *nodeaffinity.PreferredSchedulingTerms
}

// NewAdded reads one.
func NewAdded(from *corev1.NodeAffinity) (added *Added, err error) {
	added = &Added{}
	if from.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		if added.required, err = nodeaffinity.NewNodeSelector(from.RequiredDuringSchedulingIgnoredDuringExecution); err != nil {
			return nil, fmt.Errorf("parsing addedAffinity.requiredDuringSchedulingIgnoredDuringExecution: %w", err)
		}
	}
	if len(from.PreferredDuringSchedulingIgnoredDuringExecution) > 0 {
		if added.preferred, err = nodeaffinity.NewPreferredSchedulingTerms(from.PreferredDuringSchedulingIgnoredDuringExecution); err != nil {
			return nil, fmt.Errorf("parsing addedAffinity.preferredDuringSchedulingIgnoredDuringExecution: %w", err)
		}
	}
	return added, nil
}

func (a *Added) refuses(node *corev1.Node) bool {
	return a != nil && a.required != nil && !a.required.Match(node)
}

func (a *Added) prefers() bool { return a != nil && a.preferred != nil }

var (
	_ fwk.PreFilterPlugin   = &Plugin{}
	_ fwk.FilterPlugin      = &Plugin{}
	_ fwk.PreScorePlugin    = &Plugin{}
	_ fwk.ScorePlugin       = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// required is the parsed requirement of the pod of this cycle.
type required struct {
	nodeaffinity.RequiredNodeAffinity
}

// Clone implements fwk.StateData.
func (r required) Clone() fwk.StateData { return r }

// preferred are the parsed preferences of the pod of this cycle.
type preferred struct {
	*nodeaffinity.PreferredSchedulingTerms
}

// Clone implements fwk.StateData.
func (p preferred) Clone() fwk.StateData { return p }

// Local implements profile.Local.
func (*Plugin) Local() {}

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreFilter implements fwk.PreFilterPlugin.
func (p *Plugin) PreFilter(_ context.Context, state fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	affinity := pod.Spec.Affinity
	if (p.Added == nil || p.Added.required == nil) && len(pod.Spec.NodeSelector) == 0 && (affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil) {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	state.Write(Name, required{nodeaffinity.GetRequiredNodeAffinity(pod)})
	names := named(affinity)
	if names != nil && names.Len() == 0 {
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "pod affinity terms conflict")
	}
	if names != nil {
		return &fwk.PreFilterResult{NodeNames: names}, nil
	}
	return nil, nil
}

// named are the nodes that the required terms name, as those of a DaemonSet's pods do; nil if a term names none.
func named(affinity *corev1.Affinity) sets.Set[string] {
	if affinity == nil || affinity.NodeAffinity == nil || affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return nil
	}
	var all sets.Set[string]
	for _, term := range affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		var names sets.Set[string]
		for _, field := range term.MatchFields {
			if field.Key != metav1.ObjectNameField || field.Operator != corev1.NodeSelectorOpIn {
				continue
			}
			if values := sets.New(field.Values...); names == nil {
				names = values
			} else {
				names = names.Intersection(values)
			}
		}
		if names == nil {
			return nil
		}
		all = all.Union(names)
	}
	return all
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (*Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

// Filter implements fwk.FilterPlugin.
func (p *Plugin) Filter(_ context.Context, state fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	if p.Added.refuses(node.Node()) {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, addedReason)
	}
	data, err := state.Read(Name)
	if err != nil {
		data = required{nodeaffinity.GetRequiredNodeAffinity(pod)}
	}
	requirement := data.(required)
	if match, err := requirement.Match(node.Node()); err != nil || !match {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, reason)
	}
	return nil
}

// PreScore implements fwk.PreScorePlugin.
func (p *Plugin) PreScore(_ context.Context, state fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	affinity := pod.Spec.Affinity
	if affinity == nil || affinity.NodeAffinity == nil || len(affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution) == 0 {
		if p.Added.prefers() {
			return nil
		}
		return fwk.NewStatus(fwk.Skip)
	}
	terms, err := nodeaffinity.NewPreferredSchedulingTerms(affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	if err != nil {
		return fwk.AsStatus(err)
	}
	state.Write(Name+"/preferred", preferred{terms})
	return nil
}

// Score implements fwk.ScorePlugin: the weights of the terms that match.
func (p *Plugin) Score(_ context.Context, state fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	var score int64
	if p.Added.prefers() {
		score = p.Added.preferred.Score(node.Node())
	}
	if data, err := state.Read(Name + "/preferred"); err == nil {
		score += data.(preferred).Score(node.Node())
	}
	return score, nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (p *Plugin) ScoreExtensions() fwk.ScoreExtensions { return p }

// NormalizeScore implements fwk.ScoreExtensions.
func (*Plugin) NormalizeScore(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	normalize.Highest(scores)
	return nil
}

// EventsToRegister implements fwk.EnqueueExtensions.
func (p *Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeLabel}, QueueingHintFn: p.nodeHelps},
	}, nil
}

// nodeHelps: a node that begins to match.
func (p *Plugin) nodeHelps(_ klog.Logger, waiting *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	before, now := happened.To[corev1.Node](old, changed)
	requirement := nodeaffinity.GetRequiredNodeAffinity(waiting)
	matches := func(node *corev1.Node) bool {
		match, err := requirement.Match(node)
		return err == nil && match && !p.Added.refuses(node)
	}
	if !happened.Begins(before, now, matches) {
		return fwk.QueueSkip, nil
	}
	return fwk.Queue, nil
}
