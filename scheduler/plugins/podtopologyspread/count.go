package podtopologyspread

import (
	fwk "k8s.io/kube-scheduler/framework"
)

// tally is what one constraint counts: the pods of its set in each domain, and the domains that there are.
type tally struct {
	pods, domains map[string]int
}

// count the pods of each constraint. A node counts if it has the labels of all constraints (complete) or of that one,
// and if the constraint includes it.
func (p *Plugin) count(constraints []constraint, nodes []fwk.NodeInfo, complete bool) []tally {
	topology := p.topology()
	tallies := make([]tally, len(constraints))
	domains := make([]map[string]int, len(constraints))
	for i := range constraints {
		domains[i] = topology.Domains(constraints[i].key)
	}
	same := len(constraints) == 1 || !complete || p.everywhere(constraints)
	for i := range constraints {
		c := &constraints[i]
		if same && c.includesAll() {
			tallies[i] = tally{pods: topology.Count(c.set, c.key), domains: domains[i]}
			continue
		}
		onNode := topology.CountByNode(c.set)
		t := tally{pods: map[string]int{}, domains: map[string]int{}}
		for _, node := range nodes {
			value, ok := node.Node().Labels[c.key]
			if !ok || complete && !hasAll(node.Node().Labels, constraints) || !c.includes(node.Node()) {
				continue
			}
			t.domains[value]++
			if n := onNode[node.Node().Name]; n > 0 {
				t.pods[value] += n
			}
		}
		tallies[i] = t
	}
	return tallies
}

func hasAll(labels map[string]string, constraints []constraint) bool {
	for i := range constraints {
		if _, ok := labels[constraints[i].key]; !ok {
			return false
		}
	}
	return true
}
