package profile

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
)

// Local is implemented by plugins whose refusal and score of a node depend on nothing but that node with its pods and
// what SameDemands compares of the pod: while these do not change, the answers are remembered.
type Local interface{ Local() }

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

// Profile is a name that pods ask for (spec.schedulerName) and the plugins that serve it.
type Profile struct {
	Name string
	// Watch is told how long plugins take in cycles that are sampled; nil for nobody.
	Watch func(point, plugin, status string, took time.Duration)

	preEnqueue []fwk.PreEnqueuePlugin
	queueSort  []fwk.QueueSortPlugin
	preFilter  []fwk.PreFilterPlugin
	filter     []filtering
	postFilter []fwk.PostFilterPlugin
	preScore   []fwk.PreScorePlugin
	score      []scorer
	reserve    []fwk.ReservePlugin
	permit     []fwk.PermitPlugin
	preBind    []fwk.PreBindPlugin
	bind       []fwk.BindPlugin
	postBind   []fwk.PostBindPlugin
	enqueue    []fwk.EnqueueExtensions
}

type scorer struct {
	fwk.ScorePlugin
	weight int64
	local  bool
	final  bool // what it says of a node needs no comparison with others
	asked  *atomic.Int64
}

// filtering is a Filter plugin and how often it was asked.
type filtering struct {
	fwk.FilterPlugin
	asked *atomic.Int64
}

// Less is the order of the queue.
func (p *Profile) Less() fwk.LessFunc { return p.queueSort[0].Less }

// Hints returns by plugin which events may help a pod that the plugin refused.
func (p *Profile) Hints(ctx context.Context) (map[string][]fwk.ClusterEventWithHint, error) {
	hints := map[string][]fwk.ClusterEventWithHint{}
	for _, plugin := range p.enqueue {
		events, err := plugin.EventsToRegister(ctx)
		if err != nil {
			return nil, fmt.Errorf("asking %s for its events: %w", plugin.Name(), err)
		}
		hints[plugin.Name()] = events
	}
	return hints, nil
}

// PreEnqueue returns the name of the plugin that holds the pod back, or "".
func (p *Profile) PreEnqueue(ctx context.Context, pod *corev1.Pod) string {
	for _, plugin := range p.preEnqueue {
		if !plugin.PreEnqueue(ctx, pod).IsSuccess() {
			return plugin.Name()
		}
	}
	return ""
}

// PreFilter prepares the filters and may narrow the nodes; by names the plugins that have. A plugin that returns Skip is
// left out of Filter.
func (p *Profile) PreFilter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) (result *fwk.PreFilterResult, by []string, status *fwk.Status) {
	skipped := sets.New[string]()
	for _, plugin := range p.preFilter {
		var narrowed *fwk.PreFilterResult
		status := p.timed(state, "PreFilter", plugin, func() (status *fwk.Status) {
			narrowed, status = plugin.PreFilter(ctx, state, pod, nodes)
			return status
		})
		if status.IsSkip() {
			skipped.Insert(plugin.Name())
			continue
		}
		if !status.IsSuccess() {
			return nil, nil, named(status, plugin)
		}
		if narrowed.AllNodes() {
			continue
		}
		by = append(by, plugin.Name())
		slices.Sort(by)
		result = result.Merge(narrowed)
		if len(result.NodeNames) == 0 {
			return nil, nil, named(nothingLeft(by), plugin)
		}
	}
	state.SetSkipFilterPlugins(skipped)
	if own, ok := state.(*CycleState); ok {
		own.setFilters(p.filter)
	}
	return result, by, nil
}

func nothingLeft(by []string) *fwk.Status {
	message := fmt.Sprintf("node(s) didn't satisfy plugin(s) %v simultaneously", by)
	if len(by) == 1 {
		message = "node(s) didn't satisfy plugin " + by[0]
	}
	return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, message)
}

// Filter returns the status of the first plugin that refuses the node, or nil.
func (p *Profile) Filter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	if own, ok := state.(*CycleState); ok && own.filters != nil {
		return runFilters(ctx, own.filters, state, pod, node)
	}
	skipped := state.GetSkipFilterPlugins()
	for _, plugin := range p.filter {
		if skipped.Has(plugin.Name()) {
			continue
		}
		plugin.asked.Add(1)
		if status := plugin.Filter(ctx, state, pod, node); !status.IsSuccess() {
			return named(status, plugin)
		}
	}
	return nil
}

// FilterLocal is Filter by the local plugins that come before all others. PreFilter must have been called before.
func (p *Profile) FilterLocal(ctx context.Context, state *CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	return runFilters(ctx, state.filters[:state.local], state, pod, node)
}

func runFilters(ctx context.Context, filters []filtering, state fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	for _, plugin := range filters {
		plugin.asked.Add(1)
		if status := plugin.Filter(ctx, state, pod, node); !status.IsSuccess() {
			return named(status, plugin)
		}
	}
	return nil
}

// PostFilter lets plugins make room (preemption). The first that succeeds or errs ends it; of those that do not help, the
// reasons are collected and the last nomination counts.
func (p *Profile) PostFilter(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, refused fwk.NodeToStatusReader) (*fwk.PostFilterResult, *fwk.Status) {
	var last *fwk.PostFilterResult
	var reasons []string
	for _, plugin := range p.postFilter {
		var result *fwk.PostFilterResult
		status := p.timed(state, "PostFilter", plugin, func() (status *fwk.Status) {
			result, status = plugin.PostFilter(ctx, state, pod, refused)
			return status
		})
		if !status.IsRejected() {
			return result, named(status, plugin)
		}
		reasons = append(reasons, status.Reasons()...)
		if result != nil {
			last = result
		}
	}
	return last, fwk.NewStatus(fwk.Unschedulable, reasons...)
}

// Simulate calls the extensions by which filters follow pods that come and go in what-if questions.
func (p *Profile) Simulate(state fwk.CycleState, call func(fwk.PreFilterExtensions) *fwk.Status) *fwk.Status {
	for _, plugin := range p.preFilter {
		extension := plugin.PreFilterExtensions()
		if extension == nil || state.GetSkipFilterPlugins().Has(plugin.Name()) {
			continue
		}
		if status := call(extension); !status.IsSuccess() {
			return named(status, plugin)
		}
	}
	return nil
}

// PreScore prepares the scoring. A plugin that returns Skip is left out of Score.
func (p *Profile) PreScore(ctx context.Context, state fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	skipped := sets.New[string]()
	for _, plugin := range p.preScore {
		status := p.timed(state, "PreScore", plugin, func() *fwk.Status { return plugin.PreScore(ctx, state, pod, nodes) })
		if status.IsSkip() {
			skipped.Insert(plugin.Name())
		} else if !status.IsSuccess() {
			return named(status, plugin)
		}
	}
	state.SetSkipScorePlugins(skipped)
	return nil
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
		memory := known.Memory
		if !plugin.local {
			memory = nil
		}
		status := p.timed(state, "Score", plugin, func() *fwk.Status {
			return plugin.raw(ctx, state, pod, nodes, asked{at, memory, known.Positions, scores})
		})
		if !status.IsSuccess() {
			return nil, named(status, plugin)
		}
		if status := plugin.normalize(ctx, state, pod, scores); !status.IsSuccess() {
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

// timed runs one plugin.
func (p *Profile) timed(state fwk.CycleState, point string, plugin fwk.Plugin, run func() *fwk.Status) *fwk.Status {
	if p.Watch == nil || !state.ShouldRecordPluginMetrics() {
		return run()
	}
	began := time.Now()
	status := run()
	p.Watch(point, plugin.Name(), status.Code().String(), time.Since(began))
	return status
}

// named puts the plugin's name into a status, so that events and the queue know who refused.
func named(status *fwk.Status, plugin fwk.Plugin) *fwk.Status {
	if status != nil && status.Plugin() == "" {
		status.SetPlugin(plugin.Name())
	}
	return status
}

// Asked visits how often plugins were asked about a node: "Filter" and "Score". What is remembered is not asked.
func (p *Profile) Asked(visit func(plugin, point string, times int64)) {
	for _, plugin := range p.filter {
		visit(plugin.Name(), "Filter", plugin.asked.Load())
	}
	for _, plugin := range p.score {
		visit(plugin.Name(), "Score", plugin.asked.Load())
	}
}
