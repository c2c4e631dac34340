// Package podtopologyspread spreads pods of a kind evenly over domains of nodes: it refuses nodes of domains that have
// too many more of them than the emptiest (DoNotSchedule), and prefers nodes of domains that have fewer
// (ScheduleAnyway). Pods of services and workloads that say nothing are spread over nodes and zones by preference.
//
// Counts come from the snapshot's topology. Only where a constraint looks at some of the nodes (those that the pod's node
// affinity or tolerations leave) the nodes are gone through.
package podtopologyspread

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// Name in configurations.
const Name = "PodTopologySpread"

const (
	mismatch     = "node(s) didn't match pod topology spread constraints"
	missingLabel = mismatch + " (missing required label)"
)

// Plugin implements PreFilter, Filter and Score.
type Plugin struct {
	Handle fwk.Handle
	// Client reads services and workloads.
	Client client.Reader
	// Defaults are the constraints of pods that have none; nil means those of the system.
	Defaults []corev1.TopologySpreadConstraint
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
func (p *Plugin) PreFilter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	constraints, err := p.constraints(ctx, pod, corev1.DoNotSchedule)
	if err != nil {
		return nil, fwk.AsStatus(err)
	}
	if len(constraints) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	s := &filterState{constraints: make([]spread, len(constraints)), refusals: [2]*fwk.Status{
		fwk.NewStatus(fwk.UnschedulableAndUnresolvable, missingLabel).WithPlugin(Name), fwk.NewStatus(fwk.Unschedulable, mismatch).WithPlugin(Name),
	}}
	counts := p.count(constraints, nodes, true)
	for i := range constraints {
		s.constraints[i] = spread{constraint: constraints[i], domains: counts[i].domains, base: counts[i].pods}
		s.constraints[i].measure()
	}
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
	for i := range s.constraints {
		value, ok := node.Node().Labels[s.constraints[i].key]
		if status := s.refuse(&s.constraints[i], value, ok); status != nil {
			return status
		}
	}
	return nil
}

// Rules implements profile.ByLabels.
func (p *Plugin) Rules(cycle fwk.CycleState) []profile.Rule {
	data, err := cycle.Read(Name)
	if err != nil {
		return nil
	}
	s := data.(*filterState)
	rules := make([]profile.Rule, len(s.constraints))
	for i := range s.constraints {
		c := &s.constraints[i]
		rules[i] = profile.Rule{Column: p.topology().Column(c.key), Refuse: func(value string, has bool) *fwk.Status { return s.refuse(c, value, has) }}
	}
	return rules
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
	data.(*filterState).move(pod, other.GetPod(), node.Node(), sign)
	return nil
}

// filterState is what the filter knows of one pod.
type filterState struct {
	constraints []spread
	refusals    [2]*fwk.Status // shared by the nodes
}

// Clone implements fwk.StateData.
func (s *filterState) Clone() fwk.StateData {
	c := &filterState{constraints: slices.Clone(s.constraints), refusals: s.refusals}
	for i := range c.constraints {
		c.constraints[i].delta = nil
		for value, n := range s.constraints[i].delta {
			c.constraints[i].add(value, n)
		}
	}
	return c
}

func (s *filterState) move(pod, other *corev1.Pod, node *corev1.Node, sign int) {
	if other.Namespace != pod.Namespace {
		return
	}
	for i := range s.constraints {
		if _, ok := node.Labels[s.constraints[i].key]; !ok {
			return // such a node counts for no constraint
		}
	}
	for i := range s.constraints {
		c := &s.constraints[i]
		if c.set.Matches(other) && c.includes(node) {
			c.add(node.Labels[c.key], sign)
			c.measure()
		}
	}
}

// refuse says why a node with that value of the constraint's label is refused, or nil.
func (s *filterState) refuse(c *spread, value string, has bool) *fwk.Status {
	switch {
	case !has:
		return s.refusals[0]
	case c.at(value)+c.self-c.least > c.maxSkew:
		return s.refusals[1]
	}
	return nil
}

// spread is a constraint with what it counts: pods by domain, those of the snapshot and those that a what-if question
// adds or takes away.
type spread struct {
	constraint
	domains     map[string]int
	base, delta map[string]int
	least       int // pods in the emptiest domain
}

func (c *spread) at(value string) int { return c.base[value] + c.delta[value] }

func (c *spread) add(value string, n int) {
	if c.delta == nil {
		c.delta = map[string]int{}
	}
	c.delta[value] += n
}

// measure finds the emptiest domain. Where there are fewer domains than there ought to be, the missing ones are the
// emptiest.
func (c *spread) measure() {
	c.least = 0
	if len(c.domains) < c.minDomains || len(c.domains) == 0 || len(c.delta) == 0 && len(c.base) < len(c.domains) {
		return
	}
	first := true
	for value := range c.domains {
		if n := c.at(value); first || n < c.least {
			c.least, first = n, false
		}
		if c.least <= 0 {
			return
		}
	}
}
