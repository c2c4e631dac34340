package scheduler

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/memo"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/noderesources"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
	"github.com/coxswain-k8s/coxswain/scheduler/queue"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// scheduleOne is one attempt: find a node, reserve it, and start the binding.
func (s *Scheduler) scheduleOne(ctx context.Context, queued *queue.Pod) {
	pod := queued.GetPod()
	p := s.profiles[pod.Spec.SchedulerName]
	if p == nil || pod.DeletionTimestamp != nil || s.state.Placed(pod.UID) {
		s.queue.Done(pod.UID)
		return
	}
	cycle, began := s.newCycle(), s.Clock.Now()
	s.handles[p.Name].snapshot = s.state.Snapshot()
	node, failure := s.findNode(ctx, p, cycle, queued.PodInfo)
	if failure != nil {
		s.missed(p, began, failure)
		s.postFilter(ctx, p, cycle, pod, failure)
		if failure.nomination.Mode() == fwk.ModeOverride {
			s.renominate(ctx, queued.PodInfo, failure.nomination)
		}
		s.beside(func() { s.fail(ctx, pod, failure) })
		return
	}
	s.Metrics.Algorithm(s.Clock.Since(began))
	s.state.Assume(queued.PodInfo, node)
	kept := s.nominated.Node(pod.UID)
	s.nominated.DeleteNominatedPodIfExists(pod)
	if kept != "" && kept != node {
		s.queue.Move(fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, pod, nil) // it leaves room for others there
	}
	waits, status := s.reserve(ctx, p, cycle, pod, node)
	if !status.IsSuccess() {
		f := s.takeBack(ctx, p, cycle, pod, node, status)
		s.missed(p, began, f)
		s.beside(func() { s.putBack(ctx, pod, f) })
		return
	}
	w := s.waiting.add(pod, waits, s.Clock)
	w.queued, w.began = queued, began
	s.beside(func() { s.bind(ctx, p, cycle, w, node) })
}

// reserve sets aside what the pod needs on the node, and asks who wants it to wait before it is bound.
func (s *Scheduler) reserve(ctx context.Context, p *profile.Profile, cycle fwk.CycleState, pod *corev1.Pod, node string) (map[string]time.Duration, *fwk.Status) {
	began := s.Clock.Now()
	status := p.Reserve(ctx, cycle, pod, node)
	s.measure("Reserve", p, began, status)
	if !status.IsSuccess() {
		return nil, status
	}
	began = s.Clock.Now()
	waits, status := p.Permit(ctx, cycle, pod, node)
	s.measure("Permit", p, began, status)
	return waits, status
}

// findNode returns the best of the nodes that no filter refuses.
func (s *Scheduler) findNode(ctx context.Context, p *profile.Profile, cycle *profile.CycleState, info *state.PodInfo) (string, *failure) {
	pod, snapshot := info.GetPod(), s.handles[p.Name].snapshot
	all, err := snapshot.List()
	if err != nil {
		return "", failed(fwk.AsStatus(err))
	}
	if len(all) == 0 {
		return "", &failure{message: "no nodes available to schedule pods", refused: sets.New("NodeName", "NodeUnschedulable", "TaintToleration", "NodeAffinity", "NodePorts", "NodeResourcesFit")}
	}
	state.KeepInfo(cycle, info)
	began := s.Clock.Now()
	narrowed, by, status := p.PreFilter(ctx, cycle, pod, all)
	s.measure("PreFilter", p, began, status)
	if !status.IsSuccess() {
		return "", refusedByAll(status, all)
	}
	if node := s.nominatedNode(pod, narrowed, p); node != nil && s.handles[p.Name].filter(ctx, cycle, pod, node).IsSuccess() && s.extendersTake(ctx, pod, node) {
		return node.Node().Name, nil
	}
	look := &search{Profile: p, cycle: cycle, pod: pod, narrowed: !narrowed.AllNodes()}
	if (narrowed.AllNodes() || len(narrowed.NodeNames) > memo.Few) && !noderesources.ByClass(cycle) {
		look.memo = s.memos.Of(p, snapshot, info, cycle.Local())
	}
	began = s.Clock.Now()
	fitting, refusals := s.filter(ctx, look, narrow(all, narrowed, snapshot))
	s.measure("Filter", p, began, nil)
	if refusals != nil && len(s.extenders) > 0 {
		if fitting, status = s.extendFilter(ctx, pod, fitting, refusals); !status.IsSuccess() {
			return "", failed(status)
		}
		look.found = positions(fitting)
	}
	if len(fitting) == 0 {
		return "", refusals.leaving(len(all), by)
	}
	if len(fitting) == 1 {
		return fitting[0].Node().Name, nil
	}
	return s.score(ctx, look, fitting)
}

// score returns the best of several nodes.
func (s *Scheduler) score(ctx context.Context, look *search, fitting []fwk.NodeInfo) (string, *failure) {
	p, cycle, pod, began := look.Profile, look.cycle, look.pod, s.Clock.Now()
	status := p.PreScore(ctx, cycle, pod, fitting)
	s.measure("PreScore", p, began, status)
	if !status.IsSuccess() {
		return "", failed(status)
	}
	began = s.Clock.Now()
	remembered := profile.Known{Room: &s.room.scoring, Positions: look.found}
	if look.memo != nil {
		remembered.Memory = look.memo.About(look.found)
	}
	totals, status := p.Score(ctx, cycle, pod, fitting, remembered)
	s.measure("Score", p, began, status)
	if !status.IsSuccess() {
		return "", failed(status)
	}
	s.extendScore(ctx, pod, fitting, totals)
	return best(fitting, totals), nil
}

// nominatedNode is the node that room was made on for the pod, if it is still there to be tried.
func (s *Scheduler) nominatedNode(pod *corev1.Pod, narrowed *fwk.PreFilterResult, p *profile.Profile) fwk.NodeInfo {
	name := s.nominated.Node(pod.UID)
	if name == "" || !narrowed.AllNodes() && !narrowed.NodeNames.Has(name) {
		return nil
	}
	node, err := s.handles[p.Name].snapshot.Get(name)
	if err != nil {
		return nil
	}
	return node
}

func narrow(all []fwk.NodeInfo, result *fwk.PreFilterResult, snapshot *state.Snapshot) []fwk.NodeInfo {
	if result.AllNodes() {
		return all
	}
	var some []fwk.NodeInfo
	for _, name := range sets.List(result.NodeNames) {
		if node, err := snapshot.Get(name); err == nil {
			some = append(some, node)
		}
	}
	return some
}

// search is what one attempt looks for.
type search struct {
	*profile.Profile
	cycle *profile.CycleState
	pod   *corev1.Pod
	memo  *memo.Memo // nil if nothing is remembered
	// narrowed says that not all nodes, in their order, are looked at, but some, though it be as many.
	narrowed bool
	found    []int // positions of the nodes that fit
}

// filter returns the nodes that fit. In a large cluster it stops when it has found enough of them
// (percentageOfNodesToScore), and the next search starts where this one ended.
func (s *Scheduler) filter(ctx context.Context, look *search, nodes []fwk.NodeInfo) ([]fwk.NodeInfo, *failure) {
	h, tried := s.handles[look.Name], 0
	enough := enoughNodes(len(nodes), h.percentage)
	fitting := s.room.of(enough, len(s.OutOfTree) > 0)
	look.found = s.room.found[:0]
	refusals := &failure{refused: sets.New[string](), total: len(nodes)}
	at := 0 // of all nodes, a node's place is its position
	if len(nodes) > 0 {
		at = s.next % len(nodes)
	}
	for ; tried < len(nodes) && len(fitting) < enough; tried++ {
		node, position := nodes[at], at
		if look.narrowed {
			position = node.(*state.NodeInfo).Position()
		}
		if at++; at == len(nodes) {
			at = 0
		}
		status := h.remembered(ctx, look, node, position)
		switch {
		case status.IsSuccess():
			fitting, look.found = append(fitting, node), append(look.found, position)
		case status.IsRejected():
			refusals.refuse(node, status)
		default:
			return nil, failed(fwk.AsStatus(fmt.Errorf("running %q filter plugin: %w", status.Plugin(), status.AsError())))
		}
	}
	if !look.narrowed {
		s.next = at
	}
	s.room.found = look.found
	return fitting, refusals
}

// workspace is memory that one attempt after the other uses again.
type workspace struct {
	fitting []fwk.NodeInfo
	found   []int
	scoring profile.Room
}

// of returns an empty list for so many nodes; one of its own for plugins that may keep it.
func (w *workspace) of(nodes int, own bool) []fwk.NodeInfo {
	if own {
		return make([]fwk.NodeInfo, 0, nodes)
	}
	if cap(w.fitting) < nodes {
		w.fitting = make([]fwk.NodeInfo, 0, nodes)
	}
	return w.fitting[:0]
}

// positions of nodes in the snapshot.
func positions(nodes []fwk.NodeInfo) []int {
	at := make([]int, len(nodes))
	for i, node := range nodes {
		at[i] = node.(*state.NodeInfo).Position()
	}
	return at
}

// remembered asks the plugins whether the pod fits the node at a position, and the local ones only if they have not said so before.
func (h *handle) remembered(ctx context.Context, look *search, node fwk.NodeInfo, position int) *fwk.Status {
	if look.memo == nil {
		return h.filter(ctx, look.cycle, look.pod, node)
	}
	o := look.memo.Of(position)
	if !o.Known {
		status := look.FilterLocal(ctx, look.cycle, look.pod, node)
		if !status.IsSuccess() && !status.IsRejected() {
			return status
		}
		o.Refusal, o.Known = status, true
	}
	if !o.Refusal.IsSuccess() {
		return o.Refusal
	}
	if h.Any() {
		if there := h.On(look.memo.Name(position)); len(there) > 0 {
			return h.beside(ctx, look, node, o, there)
		}
	}
	if look.cycle.OnlyLocal() {
		return nil
	}
	return look.FilterRest(ctx, look.cycle, look.pod, node, position)
}

// beside asks whether a pod fits a node where others are expected, with them as well. What local plugins say of that is remembered while the
// same pods are expected.
func (h *handle) beside(ctx context.Context, look *search, node fwk.NodeInfo, o *memo.Opinion, there []fwk.PodInfo) *fwk.Status {
	own := func(info fwk.PodInfo) bool { return info.GetPod().UID == look.pod.UID }
	if !look.cycle.OnlyLocal() || slices.ContainsFunc(there, own) {
		return h.filter(ctx, look.cycle, look.pod, node)
	}
	priority := corev1helpers.PodPriority(look.pod)
	if refusal, known := o.Beside(there, priority); known {
		return refusal
	}
	status := h.filter(ctx, look.cycle, look.pod, node)
	if status.IsSuccess() || status.IsRejected() {
		o.RememberBeside(there, priority, status)
	}
	return status
}

// enoughNodes to choose from: all of up to 100, and a share of more, but at least 100. Unless it is given
// (KubeSchedulerConfiguration.percentageOfNodesToScore), the share falls with their number, to 5 %.
func enoughNodes(all, share int) int {
	if all < 100 || share >= 100 {
		return all
	}
	if share == 0 {
		share = max(50-all/125, 5)
	}
	return max(all*share/100, 100)
}

// best returns the node with the highest score, any of them if several have it.
func best(nodes []fwk.NodeInfo, totals []int64) string {
	winner, ties := 0, 1
	for i := 1; i < len(nodes); i++ {
		switch {
		case totals[i] > totals[winner]:
			winner, ties = i, 1
		case totals[i] == totals[winner]:
			if ties++; rand.IntN(ties) == 0 {
				winner = i
			}
		}
	}
	return nodes[winner].Node().Name
}

// postFilter lets plugins make room for a pod that fits nowhere, and takes note of where they have.
func (s *Scheduler) postFilter(ctx context.Context, p *profile.Profile, cycle fwk.CycleState, pod *corev1.Pod, f *failure) {
	if f.err != nil || f.total == 0 {
		return
	}
	began := s.Clock.Now()
	result, status := p.PostFilter(ctx, cycle, pod, f)
	s.measure("PostFilter", p, began, status)
	if result != nil {
		f.nomination = result.NominatingInfo
	}
	f.advice = status.Message()
}

// takeBack undoes a reservation, and says why.
func (s *Scheduler) takeBack(ctx context.Context, p *profile.Profile, cycle fwk.CycleState, pod *corev1.Pod, node string, status *fwk.Status) *failure {
	p.Unreserve(ctx, cycle, pod, node)
	s.state.Forget(pod.UID)
	if now := s.queue.Info(pod.UID); now != nil {
		s.nominated.AddNominatedPod(klog.FromContext(ctx), now, nil) // where it has been announced
	}
	s.queue.Calm(pod.UID)
	if status.IsRejected() {
		return &failure{verdict: []*fwk.Status{status}, refused: sets.New(status.Plugin()), total: 1}
	}
	return failed(status)
}

// putBack ends an attempt whose reservation was taken back.
func (s *Scheduler) putBack(ctx context.Context, pod *corev1.Pod, f *failure) {
	s.fail(ctx, pod, f)
	s.queue.Move(fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, pod, nil)
}
