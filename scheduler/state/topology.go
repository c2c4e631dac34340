package state

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
)

// Topology counts pods by the values that their nodes have for a label. It is kept up to date by the moves between two
// snapshots, so a question that was asked before costs what has moved since, not what there is.
//
// Two kinds of questions are answered. How many pods of a set are there in each domain:
//
//	Count({namespaces: [shop], selector: app=web}, "zone")  ->  {east: 3, west: 1}
//
// And which terms of affinity do the pods that are there carry, and in which domains:
//
//	Held(RequiredAnti)  ->  [{app in (db)} per hostname: {node-7: 1, node-9: 1}]
type Topology struct {
	snapshot *Snapshot
	clock    int64
	sets     map[string]*podSet
	// byNamespace are the sets that a pod of the namespace may belong to.
	byNamespace map[string]map[*podSet]struct{}
	domains     map[string]map[string]int // topology key, value: nodes
	held        [kinds]map[string]*Held
	images      map[string]int // nodes that have it
	columns     map[string]*Column
}

// PodSet is a set of pods: those in the namespaces for which Matches says so.
type PodSet struct {
	// Key is the same for the same set.
	Key        string
	Namespaces sets.Set[string]
	Matches    func(pod *corev1.Pod) bool
}

type podSet struct {
	PodSet
	used   int64
	byNode map[string]int
	byKey  map[string]map[string]int
}

// Kind of terms of affinity.
type Kind int

// The four kinds of terms.
const (
	Required Kind = iota
	RequiredAnti
	Preferred
	PreferredAnti
	kinds
)

// Held is a term that pods carry: how many, by the value of its topology key.
type Held struct {
	fwk.AffinityTerm
	Weight  int32
	ByValue map[string]int
}

// move is a pod, or a node without its pods, that comes (1) or goes (-1).
type move struct {
	pod    *PodInfo
	node   *corev1.Node
	images []corev1.ContainerImage
	sign   int
}

// maxSets bounds the questions that are kept up to date; the oldest half is forgotten beyond.
const maxSets = 512

func newTopology(s *Snapshot) *Topology {
	t := &Topology{
		snapshot: s, sets: map[string]*podSet{}, byNamespace: map[string]map[*podSet]struct{}{},
		domains: map[string]map[string]int{}, images: map[string]int{},
	}
	for i := range t.held {
		t.held[i] = map[string]*Held{}
	}
	return t
}

func (t *Topology) apply(m move) {
	for _, image := range m.images {
		for _, name := range image.Names {
			add(t.images, name, m.sign)
		}
	}
	switch {
	case m.node == nil:
	case m.pod == nil:
		for key, values := range t.domains {
			if value, ok := m.node.Labels[key]; ok {
				add(values, value, m.sign)
			}
		}
	default:
		for set := range t.byNamespace[m.pod.pod.Namespace] {
			if set.Matches(m.pod.pod) {
				set.count(m.node, m.sign)
			}
		}
		t.hold(m)
	}
}

func add(counts map[string]int, key string, sign int) {
	if counts[key] += sign; counts[key] == 0 {
		delete(counts, key)
	}
}

func (s *podSet) count(node *corev1.Node, sign int) {
	add(s.byNode, node.Name, sign)
	for key, values := range s.byKey {
		if value, ok := node.Labels[key]; ok {
			add(values, value, sign)
		}
	}
}

func (t *Topology) hold(m move) {
	for i := range m.pod.terms {
		term := &m.pod.terms[i]
		value, ok := m.node.Labels[term.TopologyKey]
		if !ok {
			continue
		}
		all := t.held[term.kind]
		h := all[term.key]
		if h == nil {
			h = &Held{AffinityTerm: term.AffinityTerm, Weight: term.weight, ByValue: map[string]int{}}
			all[term.key] = h
		}
		if add(h.ByValue, value, m.sign); len(h.ByValue) == 0 {
			delete(all, term.key)
		}
	}
}

// Held returns the terms of a kind that placed pods carry.
func (t *Topology) Held(kind Kind) map[string]*Held { return t.held[kind] }

// Domains returns how many nodes have each value of a label.
func (t *Topology) Domains(key string) map[string]int {
	values := t.domains[key]
	if values != nil {
		return values
	}
	values = map[string]int{}
	for _, node := range t.snapshot.all {
		if value, ok := node.Node().Labels[key]; ok {
			values[value]++
		}
	}
	t.domains[key] = values
	return values
}

// Nodes returns how many nodes have an image.
func (t *Topology) Nodes(image string) int { return t.images[image] }

// Count returns how many pods of the set there are for each value of the label. The result must not be changed, and is
// of the current cycle only.
func (t *Topology) Count(set PodSet, key string) map[string]int {
	known := t.set(set)
	if values := known.byKey[key]; values != nil {
		return values
	}
	values := map[string]int{}
	for name, pods := range known.byNode {
		if node := t.snapshot.byName[name]; node != nil {
			if value, ok := node.node.Labels[key]; ok {
				values[value] += pods
			}
		}
	}
	known.byKey[key] = values
	return values
}

// CountByNode returns how many pods of the set there are on each node, as Count does.
func (t *Topology) CountByNode(set PodSet) map[string]int { return t.set(set).byNode }

func (t *Topology) set(set PodSet) *podSet {
	t.clock++
	known := t.sets[set.Key]
	if known == nil {
		known = t.newSet(set)
	}
	known.used = t.clock
	return known
}

func (t *Topology) newSet(set PodSet) *podSet {
	if len(t.sets) >= maxSets {
		t.forget()
	}
	s := &podSet{PodSet: set, byNode: map[string]int{}, byKey: map[string]map[string]int{}}
	t.sets[set.Key] = s
	for namespace := range set.Namespaces {
		if t.byNamespace[namespace] == nil {
			t.byNamespace[namespace] = map[*podSet]struct{}{}
		}
		t.byNamespace[namespace][s] = struct{}{}
	}
	for _, node := range t.snapshot.all {
		for _, info := range node.GetPods() {
			if pod := info.GetPod(); set.Namespaces.Has(pod.Namespace) && set.Matches(pod) {
				s.byNode[node.Node().Name]++
			}
		}
	}
	return s
}

// forget drops the half of the sets that was not asked for of late.
func (t *Topology) forget() {
	var used []int64
	for _, s := range t.sets {
		used = append(used, s.used)
	}
	slices.Sort(used)
	median := used[len(used)/2]
	for key, s := range t.sets {
		if s.used >= median {
			continue
		}
		delete(t.sets, key)
		for namespace := range s.Namespaces {
			if delete(t.byNamespace[namespace], s); len(t.byNamespace[namespace]) == 0 {
				delete(t.byNamespace, namespace)
			}
		}
	}
}

func sameImages(a, b []corev1.ContainerImage) bool {
	return slices.EqualFunc(a, b, func(a, b corev1.ContainerImage) bool { return slices.Equal(a.Names, b.Names) })
}
