// Package interpodaffinity keeps pods near to or away from other pods: it refuses nodes by required terms of affinity
// and anti-affinity, of the pod as well as of the pods that are there, and prefers nodes by preferred terms.
//
// Nothing is counted here: the snapshot's topology knows how many pods that match a term are in each domain, and which
// terms the pods that are there carry.
package interpodaffinity

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// Name in configurations.
const Name = "InterPodAffinity"

// Namespace is the resource of the events of namespaces, which the framework does not name.
const Namespace fwk.EventResource = "Namespace"

const (
	noAffinity   = "node(s) didn't match pod affinity rules"
	antiAffinity = "node(s) didn't match pod anti-affinity rules"
	existingAnti = "node(s) didn't satisfy existing pods anti-affinity rules"
)

// Plugin implements PreFilter, Filter and Score.
type Plugin struct {
	Handle fwk.Handle
	// Client reads namespaces.
	Client client.Reader
	// HardWeight is what a required term of a pod that is there counts when nodes are scored. Default 1.
	HardWeight int32
	// IgnorePreferred leaves preferred terms of pods that are there out, unless the pod has terms itself.
	IgnorePreferred bool
}

var (
	_ fwk.PreFilterPlugin     = &Plugin{}
	_ fwk.PreFilterExtensions = &Plugin{}
	_ fwk.FilterPlugin        = &Plugin{}
	_ fwk.PreScorePlugin      = &Plugin{}
	_ fwk.ScorePlugin         = &Plugin{}
	_ fwk.EnqueueExtensions   = &Plugin{}
	_ profile.ByLabels        = &Plugin{}
	_ profile.AtOnce          = &Plugin{}
)

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreFilter implements fwk.PreFilterPlugin.
func (p *Plugin) PreFilter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	info := state.InfoOf(cycle, pod)
	if info.Err != nil {
		return nil, fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "parsing pod: "+info.Err.Error())
	}
	topology := p.topology()
	affinity, anti := info.GetRequiredAffinityTerms(), info.GetRequiredAntiAffinityTerms()
	if len(affinity)+len(anti) == 0 && len(topology.Held(state.RequiredAnti)) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	namespaces := &namespaces{ctx: ctx, reader: p.Client}
	s := &filterState{labels: namespaces.labels(pod.Namespace)}
	resolved, all := namespaces.resolve(affinity), namespaces.conjunction(affinity)
	for i := range resolved {
		s.affinity = append(s.affinity, counted{term: resolved[i], base: topology.Count(all, resolved[i].TopologyKey)})
	}
	for _, term := range namespaces.resolve(anti) {
		s.anti = append(s.anti, counted{term: term, base: topology.Count(setOf(term), term.TopologyKey)})
	}
	for _, held := range topology.Held(state.RequiredAnti) {
		if held.Matches(pod, s.labels) {
			s.existing = append(s.existing, held)
		}
	}
	if namespaces.err != nil {
		return nil, fwk.AsStatus(namespaces.err)
	}
	if len(affinity)+len(anti)+len(s.existing) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	s.refusals = [3]*fwk.Status{
		fwk.NewStatus(fwk.UnschedulableAndUnresolvable, noAffinity).WithPlugin(Name),
		fwk.NewStatus(fwk.Unschedulable, antiAffinity).WithPlugin(Name), fwk.NewStatus(fwk.Unschedulable, existingAnti).WithPlugin(Name),
	}
	s.matchesItself = matchesAll(s.affinity, pod)
	cycle.Write(Name, s)
	return nil, nil
}

func (p *Plugin) topology() *state.Topology {
	return p.Handle.SnapshotSharedLister().(*state.Snapshot).Topology
}

// Filter implements fwk.FilterPlugin.
func (*Plugin) Filter(_ context.Context, cycle fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	data, err := cycle.Read(Name)
	if err != nil {
		return fwk.AsStatus(err)
	}
	s := data.(*filterState)
	labels := node.Node().Labels
	switch {
	case !s.near(labels):
		return s.refusals[0]
	case s.tooNear(labels):
		return s.refusals[1]
	case s.unwanted(labels):
		return s.refusals[2]
	}
	return nil
}

// Rules implements profile.ByLabels.
func (p *Plugin) Rules(cycle fwk.CycleState) []profile.Rule {
	data, err := cycle.Read(Name)
	if err != nil {
		return nil
	}
	return data.(*filterState).rules(p.topology())
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (p *Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return p }

// AddPod implements fwk.PreFilterExtensions.
func (*Plugin) AddPod(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, added fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	return move(cycle, pod, added, node, 1)
}

// RemovePod implements fwk.PreFilterExtensions.
func (*Plugin) RemovePod(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, removed fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	return move(cycle, pod, removed, node, -1)
}

func move(cycle fwk.CycleState, pod *corev1.Pod, other fwk.PodInfo, node fwk.NodeInfo, sign int) *fwk.Status {
	data, err := cycle.Read(Name)
	if err != nil {
		return fwk.AsStatus(err)
	}
	data.(*filterState).move(pod, other, node.Node().Labels, sign)
	return nil
}

// EventsToRegister implements fwk.EnqueueExtensions.
func (*Plugin) EventsToRegister(context.Context) ([]fwk.ClusterEventWithHint, error) {
	return []fwk.ClusterEventWithHint{
		{Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Add | fwk.Delete | fwk.UpdatePodLabel}, QueueingHintFn: podMayHelp},
		{Event: fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add | fwk.UpdateNodeLabel}},
		{Event: fwk.ClusterEvent{Resource: Namespace, ActionType: fwk.Add | fwk.Update}, QueueingHintFn: namespaceMayHelp},
	}, nil
}
