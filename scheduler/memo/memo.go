package memo

import (
	"slices"

	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/scheduler/metrics"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// Memo is what the local plugins of a profile have said of nodes for a pod. For the next pod that asks the same of nodes
// (the next replica, most often) only nodes that have changed since are asked again.
type Memo struct {
	profile string
	pod     *state.PodInfo
	roster  int64
	local   int       // filters that have an opinion: those before the first that is not local, which may skip
	nodes   []Opinion // by the nodes' positions
	scores  []int64   // a row for each node
	width   int
	ages    []int64 // of the nodes, as they are now
	names   []string
}

// Opinion of one node, as it was at that generation.
type Opinion struct {
	generation int64
	Known      bool // whether the local filters have been asked
	Refusal    *fwk.Status
	scored     uint64 // a bit for each plugin whose score is known
	summed     uint64 // the plugins whose sum is known
	sum        int64
	crowd      *crowd
}

// crowd is pods that are expected on a node, and whether a pod of a priority fits beside them.
type crowd struct {
	pods     []fwk.PodInfo
	priority int32
	refusal  *fwk.Status
}

// Beside returns what was found out when the same pods were expected on the node.
func (o *Opinion) Beside(expected []fwk.PodInfo, priority int32) (refusal *fwk.Status, known bool) {
	if c := o.crowd; c != nil && c.priority == priority && len(c.pods) == len(expected) && &c.pods[0] == &expected[0] {
		return c.refusal, true
	}
	return nil, false
}

// RememberBeside takes note of it. There is one pod at least.
func (o *Opinion) RememberBeside(expected []fwk.PodInfo, priority int32, refusal *fwk.Status) {
	o.crowd = &crowd{expected, priority, refusal}
}

// Few nodes that a pod is narrowed to are asked, and nothing is remembered of them: each pod of a DaemonSet is for a node of its own.
const Few = 8

// maxMemos bounds how many different pods are remembered; the one that was used last is the first.
const maxMemos = 8

// Book is the memos of different pods.
type Book struct {
	clock   clock.PassiveClock
	metrics *metrics.Metrics
	memos   []*Memo
}

// NewBook returns one without memos.
func NewBook(c clock.PassiveClock, m *metrics.Metrics) *Book {
	return &Book{clock: c, metrics: m}
}

// Len is how many different pods are remembered.
func (b *Book) Len() int { return len(b.memos) }

// Of returns the memo for a pod of which so many local filters are asked first, an empty one if there is none.
func (b *Book) Of(p *profile.Profile, snapshot *state.Snapshot, pod *state.PodInfo, local int) *Memo {
	began := b.clock.Now()
	b.memos = slices.DeleteFunc(b.memos, func(m *Memo) bool { return b.outdated(m, snapshot) })
	at := slices.IndexFunc(b.memos, func(m *Memo) bool { return m.profile == p.Name && m.local == local && m.pod.SameDemands(pod) })
	known := at >= 0
	if !known {
		if len(b.memos) == maxMemos {
			b.metrics.Flushed(b.memos[maxMemos-1].profile, metrics.Crowded)
			b.memos = b.memos[:maxMemos-1]
		}
		at = len(b.memos)
		nodes, width := len(snapshot.Names()), p.Scorers()
		b.memos = append(b.memos, &Memo{
			profile: p.Name, pod: pod, roster: snapshot.Roster(), local: local, nodes: make([]Opinion, nodes), width: width, scores: make([]int64, nodes*width),
		})
	}
	m := b.memos[at]
	m.ages, m.names = snapshot.Generations(), snapshot.Names()
	copy(b.memos[1:at+1], b.memos[:at])
	b.memos[0] = m
	b.metrics.Recalled(p.Name, known, b.clock.Since(began))
	return m
}

// outdated says that the nodes are no longer at the places that the memo goes by.
func (b *Book) outdated(m *Memo, snapshot *state.Snapshot) bool {
	if m.roster == snapshot.Roster() {
		return false
	}
	b.metrics.Flushed(m.profile, metrics.NodesChanged)
	return true
}

// Of returns the opinion of the node at a position, an empty one if the node has changed.
func (m *Memo) Of(position int) *Opinion {
	o := &m.nodes[position]
	if generation := m.ages[position]; o.generation != generation {
		*o = Opinion{generation: generation}
	}
	return o
}

// Name of the node at a position.
func (m *Memo) Name(position int) string { return m.names[position] }

// About returns what is remembered of the nodes at those positions.
func (m *Memo) About(positions []int) profile.Memory { return recollection{m, positions} }

// recollection is the part of a memo that is about some nodes.
type recollection struct {
	*Memo
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
