package scheduler

import (
	"slices"

	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/metrics"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// memo is what the local plugins of a profile have said of nodes for a pod. For the next pod that asks the same of nodes
// (the next replica, most often) only nodes that have changed since are asked again.
type memo struct {
	profile string
	pod     *state.PodInfo
	roster  int64
	local   int       // filters that have an opinion: those before the first that is not local, which may skip
	nodes   []opinion // by the nodes' positions
	scores  []int64   // a row for each node
	width   int
	ages    []int64 // of the nodes, as they are now
	names   []string
}

// opinion of one node, as it was at that generation.
type opinion struct {
	generation int64
	known      bool
	refusal    *fwk.Status
	scored     uint64 // a bit for each plugin whose score is known
	summed     uint64 // the plugins whose sum is known
	sum        int64
}

// fewNodes that a pod is narrowed to are asked, and nothing is remembered of them: each pod of a DaemonSet is for a node of its own.
const fewNodes = 8

// maxMemos bounds how many different pods are remembered; the one that was used last is the first.
const maxMemos = 8

// memo returns the memo for a pod of which so many local filters are asked first, an empty one if there is none.
func (s *Scheduler) memo(p *profile.Profile, snapshot *state.Snapshot, pod *state.PodInfo, local int) *memo {
	began := s.Clock.Now()
	s.memos = slices.DeleteFunc(s.memos, func(m *memo) bool { return s.outdated(m, snapshot) })
	at := slices.IndexFunc(s.memos, func(m *memo) bool { return m.profile == p.Name && m.local == local && m.pod.SameDemands(pod) })
	known := at >= 0
	if !known {
		if len(s.memos) == maxMemos {
			s.Metrics.Flushed(s.memos[maxMemos-1].profile, metrics.Crowded)
			s.memos = s.memos[:maxMemos-1]
		}
		at = len(s.memos)
		nodes, width := len(snapshot.Names()), p.Scorers()
		s.memos = append(s.memos, &memo{
			profile: p.Name, pod: pod, roster: snapshot.Roster(), local: local, nodes: make([]opinion, nodes), width: width, scores: make([]int64, nodes*width),
		})
	}
	m := s.memos[at]
	m.ages, m.names = snapshot.Generations(), snapshot.Names()
	copy(s.memos[1:at+1], s.memos[:at])
	s.memos[0] = m
	s.Metrics.Recalled(p.Name, known, s.Clock.Since(began))
	return m
}

// outdated says that the nodes are no longer at the places that the memo goes by.
func (s *Scheduler) outdated(m *memo, snapshot *state.Snapshot) bool {
	if m.roster == snapshot.Roster() {
		return false
	}
	s.Metrics.Flushed(m.profile, metrics.NodesChanged)
	return true
}

// of returns the opinion of the node at a position, an empty one if the node has changed.
func (m *memo) of(position int) *opinion {
	o := &m.nodes[position]
	if generation := m.ages[position]; o.generation != generation {
		*o = opinion{generation: generation}
	}
	return o
}

// recollection is the part of a memo that is about some nodes.
type recollection struct {
	*memo
	positions []int
}

var _ profile.Memory = recollection{}

// Recall implements profile.Memory.
func (r recollection) Recall(plugin, node int) (int64, bool) {
	position := r.positions[node]
	return r.scores[position*r.width+plugin], r.nodes[position].scored&(1<<plugin) != 0
}

// Remember implements profile.Memory.
func (r recollection) Remember(plugin, node int, score int64) {
	position := r.positions[node]
	r.scores[position*r.width+plugin] = score
	r.nodes[position].scored |= 1 << plugin
}

// RecallSum implements profile.Memory.
func (r recollection) RecallSum(plugins uint64, node int) (int64, bool) {
	o := &r.nodes[r.positions[node]]
	return o.sum, o.summed == plugins
}

// RememberSum implements profile.Memory.
func (r recollection) RememberSum(plugins uint64, node int, sum int64) {
	o := &r.nodes[r.positions[node]]
	o.summed, o.sum = plugins, sum
}

// Name implements profile.Memory.
func (r recollection) Name(node int) string { return r.names[r.positions[node]] }
