package interpodaffinity

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// pull is what pods near a node count for or against it.
type pull struct {
	key    string
	weight int64
	counts map[string]int
}

// pulls is what the score knows of one pod.
type pulls []pull

// Clone implements fwk.StateData.
func (p pulls) Clone() fwk.StateData { return p }

const scoreKey = Name + "/score"

// PreScore implements fwk.PreScorePlugin.
func (p *Plugin) PreScore(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) *fwk.Status {
	info, topology := state.InfoOf(cycle, pod), p.topology()
	if info.Err != nil {
		return fwk.AsStatus(info.Err)
	}
	near, away := info.GetPreferredAffinityTerms(), info.GetPreferredAntiAffinityTerms()
	held := len(topology.Held(state.Required)) + len(topology.Held(state.Preferred)) + len(topology.Held(state.PreferredAnti))
	if len(near)+len(away)+held == 0 {
		return fwk.NewStatus(fwk.Skip)
	}
	namespaces := &namespaces{ctx: ctx, reader: p.Client}
	var all pulls
	add := func(terms []fwk.WeightedAffinityTerm, sign int64) {
		for _, weighted := range terms {
			term := namespaces.resolve([]fwk.AffinityTerm{weighted.AffinityTerm})[0]
			if counts := topology.Count(setOf(term), term.TopologyKey); len(counts) > 0 {
				all = append(all, pull{key: term.TopologyKey, weight: sign * int64(weighted.Weight), counts: counts})
			}
		}
	}
	add(near, 1)
	add(away, -1)
	all = append(all, p.heldPulls(topology, pod, namespaces, len(near)+len(away) > 0)...)
	if namespaces.err != nil {
		return fwk.AsStatus(namespaces.err)
	}
	if len(all) == 0 {
		return fwk.NewStatus(fwk.Skip)
	}
	cycle.Write(scoreKey, all)
	return nil
}

// heldPulls is what the terms of pods that are there say of the pod.
func (p *Plugin) heldPulls(topology *state.Topology, pod *corev1.Pod, namespaces *namespaces, hasTerms bool) pulls {
	var all pulls
	labels := namespaces.labels(pod.Namespace)
	for kind, sign := range map[state.Kind]int64{state.Required: int64(p.HardWeight), state.Preferred: 1, state.PreferredAnti: -1} {
		if sign == 0 || kind != state.Required && p.IgnorePreferred && !hasTerms {
			continue
		}
		for _, held := range topology.Held(kind) {
			if !held.Matches(pod, labels) {
				continue
			}
			weight := sign
			if kind != state.Required {
				weight *= int64(held.Weight)
			}
			all = append(all, pull{key: held.TopologyKey, weight: weight, counts: held.ByValue})
		}
	}
	return all
}

// Score implements fwk.ScorePlugin.
func (*Plugin) Score(_ context.Context, cycle fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	data, err := cycle.Read(scoreKey)
	if err != nil {
		return 0, fwk.AsStatus(err)
	}
	var sum int64
	labels := node.Node().Labels
	for _, pull := range data.(pulls) {
		if value, ok := labels[pull.key]; ok {
			sum += pull.weight * int64(pull.counts[value])
		}
	}
	return sum, nil
}

// ScoreAt implements profile.AtOnce.
func (p *Plugin) ScoreAt(cycle fwk.CycleState, positions []int, into fwk.NodeScoreList) *fwk.Status {
	data, err := cycle.Read(scoreKey)
	if err != nil {
		return fwk.AsStatus(err)
	}
	for n := range into {
		into[n].Score = 0
	}
	for _, pull := range data.(pulls) {
		column := p.topology().Column(pull.key)
		var sums []int64
		if column.Few() {
			for _, value := range column.Values {
				sums = append(sums, pull.weight*int64(pull.counts[value]))
			}
			sums[0] = 0 // nodes without the label
		}
		for n, position := range positions {
			place := column.Of[position]
			switch {
			case sums != nil:
				into[n].Score += sums[place]
			case place != 0:
				into[n].Score += pull.weight * int64(pull.counts[column.Values[place]])
			}
		}
	}
	return nil
}

// ScoreExtensions implements fwk.ScorePlugin.
func (p *Plugin) ScoreExtensions() fwk.ScoreExtensions { return p }

// NormalizeScore implements fwk.ScoreExtensions: the lowest becomes 0, the highest the most.
func (*Plugin) NormalizeScore(_ context.Context, _ fwk.CycleState, _ *corev1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	if len(scores) == 0 {
		return nil
	}
	low, high := scores[0].Score, scores[0].Score
	for _, score := range scores {
		low, high = min(low, score.Score), max(high, score.Score)
	}
	for i := range scores {
		if high == low {
			scores[i].Score = 0
			continue
		}
		scores[i].Score = int64(float64(fwk.MaxScore) * (float64(scores[i].Score-low) / float64(high-low)))
	}
	return nil
}
