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

// Profile is a name that pods ask for (spec.schedulerName) and the plugins that serve it.
type Profile struct {
	Name string
	// Watch is told how long plugins take in cycles that are sampled; nil for nobody.
	Watch func(point, plugin, status string, took time.Duration)

	// prepared is how often plugins of PreFilter and PreScore had something to say, in their order.
	preparedFilter, preparedScore []atomic.Int64

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
	for i, plugin := range p.preFilter {
		var narrowed *fwk.PreFilterResult
		status := p.timed(state, "PreFilter", plugin, func() (status *fwk.Status) {
			narrowed, status = plugin.PreFilter(ctx, state, pod, nodes)
			return status
		})
		if status.IsSkip() {
			skipped.Insert(plugin.Name())
			continue
		}
		p.preparedFilter[i].Add(1)
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
	for i, plugin := range p.preScore {
		status := p.timed(state, "PreScore", plugin, func() *fwk.Status { return plugin.PreScore(ctx, state, pod, nodes) })
		if status.IsSkip() {
			skipped.Insert(plugin.Name())
			continue
		}
		p.preparedScore[i].Add(1)
		if !status.IsSuccess() {
			return named(status, plugin)
		}
	}
	state.SetSkipScorePlugins(skipped)
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

// Asked visits how often plugins were asked about a node, "Filter" and "Score", or about a pod before that, "PreFilter" and "PreScore", and did
// not skip it. What is remembered is not asked.
func (p *Profile) Asked(visit func(plugin, point string, times int64)) {
	for i, plugin := range p.preFilter {
		visit(plugin.Name(), "PreFilter", p.preparedFilter[i].Load())
	}
	for i, plugin := range p.preScore {
		visit(plugin.Name(), "PreScore", p.preparedScore[i].Load())
	}
	for _, plugin := range p.filter {
		visit(plugin.Name(), "Filter", plugin.asked.Load())
	}
	for _, plugin := range p.score {
		visit(plugin.Name(), "Score", plugin.asked.Load())
	}
}
