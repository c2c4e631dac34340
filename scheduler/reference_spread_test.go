package scheduler

import (
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// domains are how many pods of a constraint are in which domain of nodes that count for it.
func (r *reference) domains(pod *corev1.Pod, c corev1.TopologySpreadConstraint, all []corev1.TopologySpreadConstraint) map[string]int {
	counts := map[string]int{}
	for _, n := range r.nodes {
		if !counted(pod, n, c, all) {
			continue
		}
		counts[n.Labels[c.TopologyKey]] += r.alike(pod, c, n)
	}
	return counts
}

// alike are the pods on the node that a constraint counts.
func (r *reference) alike(pod *corev1.Pod, c corev1.TopologySpreadConstraint, n *corev1.Node) (count int) {
	for _, other := range r.on(n.Name) {
		same := func(key string) bool { return pod.Labels[key] == other.Labels[key] }
		if selects(c.LabelSelector, other) && (len(c.MatchLabelKeys) == 0 || same(c.MatchLabelKeys[0])) {
			count++
		}
	}
	return count
}

// counted says whether pods on the node count for a constraint: it has the labels of all, and what the policies leave.
func counted(pod *corev1.Pod, n *corev1.Node, c corev1.TopologySpreadConstraint, all []corev1.TopologySpreadConstraint) bool {
	if !placed(n, all) || ptr.Deref(c.NodeAffinityPolicy, corev1.NodeInclusionPolicyHonor) == corev1.NodeInclusionPolicyHonor && !wanted(pod, n) {
		return false
	}
	return c.NodeTaintsPolicy == nil || !slices.ContainsFunc(n.Spec.Taints, func(taint corev1.Taint) bool {
		return taint.Effect == corev1.TaintEffectNoSchedule && !tolerates(pod, taint)
	})
}

// placed says whether the node is in a domain of every constraint.
func placed(n *corev1.Node, all []corev1.TopologySpreadConstraint) bool {
	return !slices.ContainsFunc(all, func(c corev1.TopologySpreadConstraint) bool {
		_, has := n.Labels[c.TopologyKey]
		return !has
	})
}

func constraintsOf(pod *corev1.Pod, action corev1.UnsatisfiableConstraintAction) []corev1.TopologySpreadConstraint {
	return slices.DeleteFunc(slices.Clone(pod.Spec.TopologySpreadConstraints), func(c corev1.TopologySpreadConstraint) bool { return c.WhenUnsatisfiable != action })
}

// spreads says whether the pods of each hard constraint stay even enough if the node takes one more.
func (r *reference) spreads(pod *corev1.Pod, node *corev1.Node) bool {
	hard := constraintsOf(pod, corev1.DoNotSchedule)
	for _, c := range hard {
		domain, has := node.Labels[c.TopologyKey]
		if !has {
			return false
		}
		counts := r.domains(pod, c, hard)
		least := math.MaxInt
		for _, count := range counts {
			least = min(least, count)
		}
		if len(counts) < int(ptr.Deref(c.MinDomains, 1)) {
			least = 0
		}
		self := 0
		if selects(c.LabelSelector, pod) {
			self = 1
		}
		if counts[domain]+self-least > int(c.MaxSkew) {
			return false
		}
	}
	return true
}

// sparse are the scores for how few pods of soft constraints there are where a node is.
func (r *reference) sparse(pod *corev1.Pod, fitting []*corev1.Node) map[string]int64 {
	soft, scores := constraintsOf(pod, corev1.ScheduleAnyway), map[string]int64{}
	if len(soft) == 0 {
		return scores
	}
	sums, lowest, top := map[string]float64{}, int64(math.MaxInt64), int64(0)
	there := slices.DeleteFunc(slices.Clone(fitting), func(n *corev1.Node) bool { return !placed(n, soft) })
	for _, c := range soft {
		counts, among := r.domains(pod, c, soft), map[string]bool{}
		for _, n := range there {
			among[n.Labels[c.TopologyKey]] = true
		}
		for _, n := range there {
			count := counts[n.Labels[c.TopologyKey]]
			if c.TopologyKey == corev1.LabelHostname {
				count = r.alike(pod, c, n)
			}
			sums[n.Name] += float64(count)*math.Log(float64(len(among)+2)) + float64(c.MaxSkew-1)
		}
	}
	for _, n := range there {
		rounded := int64(math.Round(sums[n.Name]))
		lowest, top = min(lowest, rounded), max(top, rounded)
	}
	for _, n := range there {
		if scores[n.Name] = 100; top > 0 {
			scores[n.Name] = 100 * (top + lowest - int64(math.Round(sums[n.Name]))) / top
		}
	}
	return scores
}
