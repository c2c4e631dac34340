package podtopologyspread

import (
	"context"
	"math"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// scoreState is what the score knows of one pod.
type scoreState struct {
	constraints []constraint
	counts      []map[string]int // by domain, or by node where the domain is the node
	weights     []float64        // the more domains, the more a pod in one of them counts
	ignored     sets.Set[string] // nodes that lack a label
}

// Clone implements fwk.StateData.
func (s *scoreState) Clone() fwk.StateData { return s }

const scoreKey = Name + "/score"

// PreScore implements fwk.PreScorePlugin.
func (p *Plugin) PreScore(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, fitting []fwk.NodeInfo) *fwk.Status {
	constraints, err := p.constraints(ctx, pod, corev1.ScheduleAnyway)
	if err != nil {
		return fwk.AsStatus(err)
	}
	if len(constraints) == 0 {
		return fwk.NewStatus(fwk.Skip)
	}
	all, err := p.Handle.SnapshotSharedLister().NodeInfos().List()
	if err != nil {
		return fwk.AsStatus(err)
	}
	complete := len(pod.Spec.TopologySpreadConstraints) > 0 || p.Defaults != nil
	tallies := p.count(constraints, all, complete)
	s := &scoreState{constraints: constraints, ignored: sets.New[string]()}
	if complete && !p.everywhere(constraints) {
		for _, node := range fitting {
			if !hasAll(node.Node().Labels, constraints) {
				s.ignored.Insert(node.Node().Name)
			}
		}
	}
	for i := range constraints {
		counts := tallies[i].pods
		if constraints[i].key == corev1.LabelHostname {
			counts = p.topology().CountByNode(constraints[i].set)
		}
		s.counts = append(s.counts, counts)
		s.weights = append(s.weights, math.Log(float64(s.domains(constraints[i].key, fitting, len(p.topology().Domains(constraints[i].key)))+2)))
	}
	cycle.Write(scoreKey, s)
	return nil
}

// everywhere says whether all nodes have all labels.
func (p *Plugin) everywhere(constraints []constraint) bool {
	for i := range constraints {
		if !p.topology().Everywhere(constraints[i].key) {
			return false
		}
	}
	return true
}

// domains is how many there are among the nodes that fit, of so many in all.
func (s *scoreState) domains(key string, fitting []fwk.NodeInfo, all int) int {
	if key == corev1.LabelHostname {
		return len(fitting) - len(s.ignored)
	}
	values := map[string]struct{}{}
	for _, node := range fitting {
		if value, ok := node.Node().Labels[key]; ok && !s.ignored.Has(node.Node().Name) {
			values[value] = struct{}{}
		}
		if len(values) == all {
			break
		}
	}
	return len(values)
}

// Score implements fwk.ScorePlugin: how many pods there are where the node is; less is better.
func (*Plugin) Score(_ context.Context, cycle fwk.CycleState, _ *corev1.Pod, node fwk.NodeInfo) (int64, *fwk.Status) {
	data, err := cycle.Read(scoreKey)
	if err != nil {
		return 0, fwk.AsStatus(err)
	}
	s := data.(*scoreState)
	if s.ignored.Has(node.Node().Name) {
		return 0, nil
	}
	var score float64
	for i := range s.constraints {
		c := &s.constraints[i]
		value, ok := node.Node().Labels[c.key]
		if !ok {
			continue
		}
		if c.key == corev1.LabelHostname {
			value = node.Node().Name
		}
		score += s.share(i, value)
	}
	return int64(math.Round(score)), nil
}

// ScoreAt implements profile.AtOnce.
func (p *Plugin) ScoreAt(cycle fwk.CycleState, positions []int, into fwk.NodeScoreList) *fwk.Status {
	data, err := cycle.Read(scoreKey)
	if err != nil {
		return fwk.AsStatus(err)
	}
	s := data.(*scoreState)
	columns, shares := make([]*state.Column, len(s.constraints)), make([][]float64, len(s.constraints))
	for i := range s.constraints {
		c := &s.constraints[i]
		columns[i] = p.topology().Column(c.key)
		if c.key != corev1.LabelHostname && columns[i].Few() {
			for _, value := range columns[i].Values {
				shares[i] = append(shares[i], s.share(i, value))
			}
		}
	}
	for n, position := range positions {
		into[n].Score = 0
		if len(s.ignored) > 0 && s.ignored.Has(into[n].Name) {
			continue
		}
		var score float64
		for i, column := range columns {
			place := column.Of[position]
			switch {
			case place == 0:
			case shares[i] != nil:
				score += shares[i][place]
			case s.constraints[i].key == corev1.LabelHostname:
				score += s.share(i, into[n].Name)
			default:
				score += s.share(i, column.Values[place])
			}
		}
		into[n].Score = int64(math.Round(score))
	}
	return nil
}

// share is what a constraint adds to the score of a node of a domain.
func (s *scoreState) share(constraint int, domain string) float64 {
	return float64(s.counts[constraint][domain])*s.weights[constraint] + float64(s.constraints[constraint].maxSkew-1)
}

// ScoreExtensions implements fwk.ScorePlugin.
func (p *Plugin) ScoreExtensions() fwk.ScoreExtensions { return p }

// NormalizeScore implements fwk.ScoreExtensions: the fewer pods, the more; nodes that lack a label get nothing.
func (*Plugin) NormalizeScore(_ context.Context, cycle fwk.CycleState, _ *corev1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	data, err := cycle.Read(scoreKey)
	if err != nil {
		return fwk.AsStatus(err)
	}
	s := data.(*scoreState)
	low, high := int64(math.MaxInt64), int64(0)
	for _, score := range scores {
		if !s.ignored.Has(score.Name) {
			low, high = min(low, score.Score), max(high, score.Score)
		}
	}
	for i := range scores {
		switch {
		case s.ignored.Has(scores[i].Name):
			scores[i].Score = 0
		case high == 0:
			scores[i].Score = fwk.MaxScore
		default:
			scores[i].Score = fwk.MaxScore * (high + low - scores[i].Score) / high
		}
	}
	return nil
}
