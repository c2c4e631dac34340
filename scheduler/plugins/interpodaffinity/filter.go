package interpodaffinity

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// counted is a term and how many pods match it, by the value of its topology key: those of the snapshot, and those that
// a what-if question adds or takes away.
type counted struct {
	term  fwk.AffinityTerm
	base  map[string]int
	delta map[string]int
}

func (c *counted) at(value string) int { return c.base[value] + c.delta[value] }

func (c *counted) add(value string, sign int) {
	if c.delta == nil {
		c.delta = map[string]int{}
	}
	c.delta[value] += sign
}

// none says whether no pod matches anywhere.
func (c *counted) none() bool {
	if len(c.delta) == 0 {
		return len(c.base) == 0
	}
	for value := range c.base {
		if c.at(value) > 0 {
			return false
		}
	}
	for value := range c.delta {
		if c.at(value) > 0 {
			return false
		}
	}
	return true
}

// filterState is what the filter knows of one pod.
type filterState struct {
	labels         labels.Set // of the pod's namespace
	affinity, anti []counted
	matchesItself  bool
	refusals       [3]*fwk.Status      // shared by the nodes
	existing       []*state.Held       // terms of pods that are there which do not want the pod
	moved          map[string]*counted // the same terms of pods that come and go in what-if questions, by topology key
}

// Clone implements fwk.StateData.
func (s *filterState) Clone() fwk.StateData {
	c := *s
	c.affinity, c.anti = cloned(s.affinity), cloned(s.anti)
	c.moved = maps.Clone(s.moved)
	for key, value := range c.moved {
		c.moved[key] = &counted{delta: maps.Clone(value.delta)}
	}
	return &c
}

func cloned(list []counted) []counted {
	all := make([]counted, len(list))
	for i := range list {
		all[i] = list[i]
		all[i].delta = maps.Clone(list[i].delta)
	}
	return all
}

// near says whether pods that match all terms are near the node, for each term. The first of a group of pods that want
// to be together may go anywhere where the topology exists.
func (s *filterState) near(node map[string]string) bool {
	found := true
	for i := range s.affinity {
		value, ok := node[s.affinity[i].term.TopologyKey]
		if !ok {
			return false
		}
		found = found && s.affinity[i].at(value) > 0
	}
	return found || s.matchesItself && s.alone()
}

func (s *filterState) alone() bool {
	for i := range s.affinity {
		if !s.affinity[i].none() {
			return false
		}
	}
	return true
}

func (s *filterState) tooNear(node map[string]string) bool {
	for i := range s.anti {
		if value, ok := node[s.anti[i].term.TopologyKey]; ok && s.anti[i].at(value) > 0 {
			return true
		}
	}
	return false
}

func (s *filterState) unwanted(node map[string]string) bool {
	if len(s.moved) == 0 {
		for _, held := range s.existing {
			if value, ok := node[held.TopologyKey]; ok && held.ByValue[value] > 0 {
				return true
			}
		}
		return false
	}
	sums := map[string]int{}
	for key, moved := range s.moved {
		sums[key] = moved.delta[node[key]]
	}
	for _, held := range s.existing {
		if value, ok := node[held.TopologyKey]; ok {
			sums[held.TopologyKey] += held.ByValue[value]
		}
	}
	for key, sum := range sums {
		if _, ok := node[key]; ok && sum > 0 {
			return true
		}
	}
	return false
}

// move lets another pod come to a node (1) or go from it (-1).
func (s *filterState) move(pod *corev1.Pod, other fwk.PodInfo, node map[string]string, sign int) {
	if len(s.affinity) > 0 && matchesAll(s.affinity, other.GetPod()) {
		for i := range s.affinity {
			if value, ok := node[s.affinity[i].term.TopologyKey]; ok {
				s.affinity[i].add(value, sign)
			}
		}
	}
	for i := range s.anti {
		if value, ok := node[s.anti[i].term.TopologyKey]; ok && s.anti[i].term.Matches(other.GetPod(), nil) {
			s.anti[i].add(value, sign)
		}
	}
	for _, term := range other.GetRequiredAntiAffinityTerms() {
		value, ok := node[term.TopologyKey]
		if !ok || !term.Matches(pod, s.labels) {
			continue
		}
		if s.moved == nil {
			s.moved = map[string]*counted{}
		}
		if s.moved[term.TopologyKey] == nil {
			s.moved[term.TopologyKey] = &counted{}
		}
		s.moved[term.TopologyKey].add(value, sign)
	}
}

func matchesAll(terms []counted, pod *corev1.Pod) bool {
	for i := range terms {
		if !terms[i].term.Matches(pod, nil) {
			return false
		}
	}
	return len(terms) > 0
}
