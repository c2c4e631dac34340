package why

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/coxswain-k8s/coxswain/scheduler"
)

// maxGroups bounds the groups of nodes that are shown.
const maxGroups = 8

// group is the nodes that refuse the pod for the same reasons.
type group struct {
	text  string
	nodes []string
	gap   float64 // smallest of them
	best  string  // that node and its text with details, if these say more
}

// nodeLines say what is against each node, those with the same answer together. With details where that gives few groups;
// otherwise with those of the node that comes closest.
func nodeLines(e *scheduler.Explanation) []string {
	if e.All != nil {
		return nil
	}
	groups := grouped(e, true)
	exact := len(groups) <= maxGroups
	if !exact {
		groups = grouped(e, false)
	}
	var lines []string
	for i, g := range groups {
		if i == maxGroups {
			left := 0
			for _, rest := range groups[maxGroups:] {
				left += len(rest.nodes)
			}
			lines = append(lines, fmt.Sprintf("... and %s for other reasons", plural(left, "node")))
			break
		}
		line := fmt.Sprintf("%s (%s): %s", plural(len(g.nodes), "node"), list(g.nodes), g.text)
		if !exact && g.best != "" {
			line += "; the closest: " + g.best
		}
		lines = append(lines, line)
	}
	return lines
}

func grouped(e *scheduler.Explanation, details bool) []*group {
	byText := map[string]*group{}
	var groups []*group
	for _, node := range e.Nodes {
		text := refusals(node, details)
		g := byText[text]
		if g == nil {
			g = &group{text: text, gap: 2}
			byText[text], groups = g, append(groups, g)
		}
		g.nodes = append(g.nodes, node.Name)
		if gap := gapOf(node); gap < g.gap {
			g.gap, g.best = gap, ""
			if full := refusals(node, true); full != text {
				g.best = node.Name + ", " + full
			}
		}
	}
	slices.SortStableFunc(groups, func(a, b *group) int {
		return cmp.Or(cmp.Compare(len(b.nodes), len(a.nodes)), strings.Compare(a.nodes[0], b.nodes[0]))
	})
	return groups
}

func gapOf(node scheduler.NodeOpinion) float64 {
	gap := 0.0
	for _, refusal := range node.Refusals {
		gap = max(gap, refusal.Gap)
	}
	return gap
}

// refusals of one node in a line.
func refusals(node scheduler.NodeOpinion, details bool) string {
	if len(node.Refusals) == 0 {
		return "fits now"
	}
	var all []string
	for _, refusal := range node.Refusals {
		for i, reason := range refusal.Reasons {
			if details && i < len(refusal.Details) && refusal.Details[i] != "" {
				reason += " (" + refusal.Details[i] + ")"
			}
			all = append(all, reason)
		}
	}
	return strings.Join(all, ", ")
}
