package defaultpreemption

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// memo is what came of trying nodes for a pod. For the next pod of the same priority that asks the same of nodes it holds
// while neither the node nor a disruption budget changes, and the same pods are nominated for the node.
type memo struct {
	info     *state.PodInfo
	priority int32
	budgets  string
	nodes    map[string]tried
}

// tried is what came of a node. The nodes of a snapshot do not change, and one of a later snapshot is another one even where its
// generation is not: that pods have started, which chooses between them, counts nowhere else.
type tried struct {
	node      fwk.NodeInfo
	expected  []fwk.PodInfo
	candidate candidate
	status    *fwk.Status
}

// memo returns the plugin's memo for a pod; nil where something else than the node decides.
func (p *Plugin) memoFor(cycle fwk.CycleState, pod *corev1.Pod, budgets []budget) *memo {
	if local, ok := cycle.(interface{ OnlyLocal() bool }); !ok || !local.OnlyLocal() {
		return nil
	}
	var versions strings.Builder
	for i := range budgets {
		fmt.Fprint(&versions, budgets[i].UID, budgets[i].ResourceVersion, " ")
	}
	info, priority := state.InfoOf(cycle, pod), corev1helpers.PodPriority(pod)
	m := p.last
	if m == nil || m.priority != priority || m.budgets != versions.String() || !m.info.SameDemands(info) {
		m = &memo{info: info, priority: priority, budgets: versions.String(), nodes: map[string]tried{}}
		p.last = m
	}
	return m
}

// try is what try says, from memory where that holds.
func (m *memo) try(ctx context.Context, s *search, node fwk.NodeInfo) (candidate, *fwk.Status) {
	name := node.Node().Name
	expected := s.handle.NominatedPodsForNode(name)
	own := func(info fwk.PodInfo) bool { return info.GetPod().UID == s.pod.UID }
	if m == nil || slices.ContainsFunc(expected, own) {
		return s.try(ctx, node)
	}
	if t, ok := m.nodes[name]; ok && t.node == node && slices.Equal(t.expected, expected) {
		return t.candidate, t.status
	}
	c, status := s.try(ctx, node)
	if status.IsSuccess() || status.IsRejected() {
		m.nodes[name] = tried{node, expected, c, status}
	}
	return c, status
}
