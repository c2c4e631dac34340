package profile

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// ByLabels is implemented by Filter plugins that look at nothing of a node but labels.
type ByLabels interface {
	// Rules are what the filter asks of labels in this cycle, after PreFilter: the first that refuses a node says why, and a node that
	// none refuses is not refused. Nil has the filter itself asked.
	Rules(state fwk.CycleState) []Rule
}

// Rule refuses nodes by their value of one label; has is false for nodes without it.
type Rule struct {
	Column *state.Column
	Refuse func(value string, has bool) *fwk.Status
}

// AtOnce is implemented by Score plugins that score nodes by their positions in the snapshot.
type AtOnce interface {
	// ScoreAt scores the nodes at those positions, whose names are in the list already.
	ScoreAt(state fwk.CycleState, positions []int, into fwk.NodeScoreList) *fwk.Status
}

// judge is a rule, and what it has said of values if there are few of them.
type judge struct {
	Rule
	said []verdict
}

type verdict struct {
	known  bool
	status *fwk.Status
}

// judges of the rules of a filter; nil if it is to be asked itself.
func judges(plugin filtering, cycle *CycleState) []judge {
	by, ok := plugin.FilterPlugin.(ByLabels)
	if !ok {
		return nil
	}
	rules := by.Rules(cycle)
	if rules == nil {
		return nil
	}
	all := make([]judge, len(rules))
	for i, rule := range rules {
		if all[i].Rule = rule; rule.Column.Few() {
			all[i].said = make([]verdict, len(rule.Column.Values))
		}
	}
	return all
}

// of the node at a position.
func (j *judge) of(position int, plugin filtering) *fwk.Status {
	place := j.Column.Of[position]
	if j.said == nil {
		plugin.asked.Add(1)
		return j.Refuse(j.Column.Values[place], place != 0)
	}
	said := &j.said[place]
	if !said.known {
		plugin.asked.Add(1)
		*said = verdict{true, named(j.Refuse(j.Column.Values[place], place != 0), plugin)}
	}
	return said.status
}

// FilterRest is the second part of Filter, of the node at a position of the snapshot.
func (p *Profile) FilterRest(ctx context.Context, cycle *CycleState, pod *corev1.Pod, node fwk.NodeInfo, position int) *fwk.Status {
	if cycle.rest == nil {
		cycle.judge()
	}
	for i, plugin := range cycle.filters[cycle.local:] {
		rules := cycle.rest[i]
		if rules == nil {
			plugin.asked.Add(1)
			if status := plugin.Filter(ctx, cycle, pod, node); !status.IsSuccess() {
				return named(status, plugin)
			}
			continue
		}
		for r := range rules {
			if status := rules[r].of(position, plugin); !status.IsSuccess() {
				return named(status, plugin)
			}
		}
	}
	return nil
}

// judge asks the filters that are not asked with the local ones for their rules.
func (c *CycleState) judge() {
	c.rest = make([][]judge, len(c.filters)-c.local)
	for i, plugin := range c.filters[c.local:] {
		c.rest[i] = judges(plugin, c)
	}
}
