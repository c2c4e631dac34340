package profile

import (
	"context"
	"fmt"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
)

// Uniform is implemented by Score plugins that may know, without looking at nodes, that all have the same score.
type Uniform interface{ Uniform() (int64, bool) }

// Memory remembers raw scores of local plugins, and weighed sums of those whose raw scores are final: plugins is a set of
// them, a bit for each. Nodes are named by their place among those that are scored.
type Memory interface {
	Recall(plugin, node int) (int64, bool)
	Remember(plugin, node int, score int64)
	RecallSum(plugins uint64, node int) (int64, bool)
	RememberSum(plugins uint64, node int, sum int64)
	Name(node int) string
}

// Room is memory that scoring one pod after the other uses again.
type Room struct {
	totals []int64
	scores fwk.NodeScoreList
}

func (r *Room) of(nodes int) ([]int64, fwk.NodeScoreList) {
	if cap(r.totals) < nodes {
		r.totals, r.scores = make([]int64, nodes), make(fwk.NodeScoreList, nodes)
	}
	clear(r.totals[:nodes])
	return r.totals[:nodes], r.scores[:nodes]
}

// scorer is a Score plugin with its weight in a profile.
type scorer struct {
	fwk.ScorePlugin
	weight int64
	local  bool
	final  bool // what it says of a node needs no comparison with others
	asked  *atomic.Int64
}

// Known is what is known before nodes are scored: what Memory (may be nil) knows is not asked again. Positions of the nodes in the snapshot
// may be nil.
type Known struct {
	Memory
	Room      *Room
	Positions []int
}

// Score weighs the nodes, after PreScore. It returns one total per node, in their order, which lasts until Room is used again.
func (p *Profile) Score(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo, known Known) ([]int64, *fwk.Status) {
	totals, scores := known.Room.of(len(nodes))
	sampled := p.Watch != nil && state.ShouldRecordPluginMetrics() // then each plugin is asked, and timed, by itself
	final, rest, base := p.scorers(state.GetSkipScorePlugins(), known.Memory != nil && !sampled)
	if status := p.sum(ctx, state, pod, nodes, summed{final, known.Memory, totals, scores}); !status.IsSuccess() {
		return nil, status
	}
	if rest != 0 {
		for i := range scores {
			if known.Memory != nil {
				scores[i].Name = known.Name(i)
			} else {
				scores[i].Name = nodes[i].Node().Name
			}
		}
	}
	for at, plugin := range p.score {
		if rest&(1<<at) == 0 {
			continue
		}
		q := asked{at, known.Memory, known.Positions, scores}
		if !plugin.local {
			q.memory = nil
		}
		if status := p.ask(ctx, state, pod, nodes, q); !status.IsSuccess() {
			return nil, named(status, plugin)
		}
		for i := range scores {
			totals[i] += plugin.weight * scores[i].Score
		}
	}
	if base != 0 {
		for i := range totals {
			totals[i] += base
		}
	}
	return totals, nil
}

// ask has one plugin score all nodes, from 0 to 100.
func (p *Profile) ask(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo, q asked) *fwk.Status {
	plugin := p.score[q.plugin]
	status := p.timed(state, "Score", plugin, func() *fwk.Status { return plugin.raw(ctx, state, pod, nodes, q) })
	if !status.IsSuccess() {
		return status
	}
	return plugin.normalize(ctx, state, pod, q.into)
}

// scorers are the plugins that do not skip: those whose sums can be remembered, and the others. What plugins give to all nodes alike
// is the base.
func (p *Profile) scorers(skipped sets.Set[string], remembers bool) (final, rest uint64, base int64) {
	for at, plugin := range p.score {
		switch {
		case skipped.Has(plugin.Name()):
		case remembers && plugin.final && plugin.local:
			final |= 1 << at
		default:
			if same, ok := plugin.uniform(); ok && remembers {
				base += plugin.weight * same
			} else {
				rest |= 1 << at
			}
		}
	}
	return final, rest, base
}

// summed asks for the weighed sum of some plugins for each node; scores are there to work with.
type summed struct {
	plugins uint64
	memory  Memory
	totals  []int64
	scores  fwk.NodeScoreList
}

// sum asks only about nodes whose sum is not known.
func (p *Profile) sum(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo, q summed) *fwk.Status {
	if q.plugins == 0 {
		return nil
	}
	for i := range nodes {
		if sum, ok := q.memory.RecallSum(q.plugins, i); ok {
			q.totals[i] = sum
			continue
		}
		one := q.scores[:1]
		one[0].Name = q.memory.Name(i)
		for at, plugin := range p.score {
			if q.plugins&(1<<at) == 0 {
				continue
			}
			plugin.asked.Add(1)
			score, status := plugin.ScorePlugin.Score(ctx, state, pod, nodes[i])
			if one[0].Score = score; status.IsSuccess() {
				status = within(one)
			}
			if !status.IsSuccess() {
				return named(status, plugin)
			}
			q.memory.Remember(at, i, score)
			q.totals[i] += plugin.weight * score
		}
		q.memory.RememberSum(q.plugins, i, q.totals[i])
	}
	return nil
}

// Scorers is how many plugins score.
func (p *Profile) Scorers() int { return len(p.score) }

// asked is a question to the plugin at that position, and where its answers go.
type asked struct {
	plugin    int
	memory    Memory
	positions []int
	into      fwk.NodeScoreList
}

func (s scorer) uniform() (int64, bool) {
	if u, ok := s.ScorePlugin.(Uniform); ok {
		return u.Uniform()
	}
	return 0, false
}

func (s scorer) raw(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo, q asked) *fwk.Status {
	if all, ok := s.ScorePlugin.(AtOnce); ok && q.positions != nil {
		s.asked.Add(int64(len(nodes)))
		return all.ScoreAt(state, q.positions, q.into)
	}
	for i, node := range nodes {
		if q.memory != nil {
			if score, ok := q.memory.Recall(q.plugin, i); ok {
				q.into[i].Score = score
				continue
			}
		}
		s.asked.Add(1)
		score, status := s.ScorePlugin.Score(ctx, state, pod, node)
		if !status.IsSuccess() {
			return status
		}
		q.into[i].Score = score
		if q.memory != nil {
			q.memory.Remember(q.plugin, i, score)
		}
	}
	return nil
}

func (s scorer) normalize(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, scores fwk.NodeScoreList) *fwk.Status {
	if extensions := s.ScoreExtensions(); extensions != nil {
		if status := extensions.NormalizeScore(ctx, state, pod, scores); !status.IsSuccess() {
			return status
		}
	}
	return within(scores)
}

// within says whether scores are such as the framework allows.
func within(scores fwk.NodeScoreList) *fwk.Status {
	for i := range scores {
		if score := scores[i].Score; score < fwk.MinScore || score > fwk.MaxScore {
			return fwk.AsStatus(fmt.Errorf("score %d of node %s is not within %d and %d", score, scores[i].Name, fwk.MinScore, fwk.MaxScore))
		}
	}
	return nil
}
