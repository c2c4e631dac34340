package interpodaffinity

import (
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// rules are what the filter says of a node (near, tooNear, unwanted), label by label; nil in what-if questions.
func (s *filterState) rules(topology *state.Topology) []profile.Rule {
	if len(s.moved) > 0 {
		return nil
	}
	var all []profile.Rule
	add := func(key string, refuse func(value string, has bool) *fwk.Status) {
		all = append(all, profile.Rule{Column: topology.Column(key), Refuse: refuse})
	}
	first := len(s.affinity) > 0 && s.matchesItself && s.alone()
	for i := range s.affinity {
		term := &s.affinity[i]
		add(term.term.TopologyKey, func(value string, has bool) *fwk.Status {
			return s.refusal(0, !has || !first && term.at(value) <= 0)
		})
	}
	for i := range s.anti {
		term := &s.anti[i]
		add(term.term.TopologyKey, func(value string, has bool) *fwk.Status { return s.refusal(1, has && term.at(value) > 0) })
	}
	for _, held := range s.existing {
		add(held.TopologyKey, func(value string, has bool) *fwk.Status { return s.refusal(2, has && held.ByValue[value] > 0) })
	}
	return all
}

// refusal of that kind, if it is one.
func (s *filterState) refusal(kind int, refused bool) *fwk.Status {
	if refused {
		return s.refusals[kind]
	}
	return nil
}
