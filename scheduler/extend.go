package scheduler

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	extenderv1 "k8s.io/kube-scheduler/extender/v1"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/coxswain-k8s/coxswain/scheduler/extender"
	"github.com/coxswain-k8s/coxswain/scheduler/profile"
)

// extenderName stands for all extenders where plugins that refused a pod are named. Whatever happens may help such a pod.
const extenderName = "Extender"

func (s *Scheduler) newExtenders(ctx context.Context, hints map[string][]fwk.ClusterEventWithHint) error {
	for _, configured := range s.Configuration.Extenders {
		e, err := extender.New(ctx, configured)
		if err != nil {
			return err
		}
		s.extenders = append(s.extenders, e)
		hints[extenderName] = []fwk.ClusterEventWithHint{{Event: fwk.ClusterEvent{Resource: fwk.WildCard, ActionType: fwk.All}}}
	}
	// Those that may be left out come last: each is asked about what the ones before it leave.
	slices.SortStableFunc(s.extenders, func(a, b fwk.Extender) int {
		switch {
		case a.IsIgnorable() == b.IsIgnorable():
			return 0
		case b.IsIgnorable():
			return -1
		}
		return 1
	})
	return nil
}

// extendFilter asks the extenders about the nodes that the plugins leave. The status is of an extender that failed.
func (s *Scheduler) extendFilter(ctx context.Context, pod *corev1.Pod, fitting []fwk.NodeInfo, refusals *failure) ([]fwk.NodeInfo, *fwk.Status) {
	for _, e := range s.extenders {
		if len(fitting) == 0 {
			break
		}
		if !e.IsFilter() || !e.IsInterested(pod) {
			continue
		}
		rest, failed, unresolvable, err := e.Filter(pod, fitting)
		if err != nil && e.IsIgnorable() {
			log.FromContext(ctx).Info("Left out an extender that failed", "extender", e.Name(), "error", err.Error())
			continue
		}
		if err != nil {
			return nil, fwk.AsStatus(err)
		}
		for _, node := range fitting {
			if slices.Contains(rest, node) {
				continue
			}
			refusals.refuse(node, saidOf(node.Node().Name, failed, unresolvable).WithPlugin(extenderName))
		}
		fitting = rest
	}
	return fitting, nil
}

// saidOf is what an extender says of a node that it refuses. Where it gives no reason, evicting pods is taken for no help.
func saidOf(node string, failed, unresolvable extenderv1.FailedNodesMap) *fwk.Status {
	if reason, ok := unresolvable[node]; ok {
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, reason)
	}
	if reason, ok := failed[node]; ok {
		return fwk.NewStatus(fwk.Unschedulable, reason)
	}
	return fwk.NewStatus(fwk.UnschedulableAndUnresolvable)
}

// extendersTake says whether no extender refuses the node.
func (s *Scheduler) extendersTake(ctx context.Context, pod *corev1.Pod, node fwk.NodeInfo) bool {
	left, status := s.extendFilter(ctx, pod, []fwk.NodeInfo{node}, &failure{refused: sets.New[string]()})
	return status.IsSuccess() && len(left) == 1
}

// extendScore adds what the extenders say of the nodes to the totals. One that fails says nothing.
func (s *Scheduler) extendScore(ctx context.Context, pod *corev1.Pod, nodes []fwk.NodeInfo, totals []int64) {
	for _, e := range s.extenders {
		if !e.IsPrioritizer() || !e.IsInterested(pod) {
			continue
		}
		scores, weight, err := e.Prioritize(pod, nodes)
		if err != nil {
			log.FromContext(ctx).Info("Left out an extender that failed", "extender", e.Name(), "error", err.Error())
			continue
		}
		for _, score := range *scores {
			at := slices.IndexFunc(nodes, func(node fwk.NodeInfo) bool { return node.Node().Name == score.Host })
			if at >= 0 {
				totals[at] += score.Score * weight * (fwk.MaxScore / extenderv1.MaxExtenderPriority)
			}
		}
	}
}

// bindBy has the extender that binds pods bind this one, or else the plugins.
func (s *Scheduler) bindBy(ctx context.Context, p *profile.Profile, cycle fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	for _, e := range s.extenders {
		if !e.IsBinder() || !e.IsInterested(pod) {
			continue
		}
		err := e.Bind(&corev1.Binding{
			ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID}, Target: corev1.ObjectReference{Kind: "Node", Name: node},
		})
		if err != nil && e.IsIgnorable() {
			log.FromContext(ctx).Info("Left out an extender that failed", "extender", e.Name(), "error", err.Error())
			continue
		}
		if err != nil {
			return fwk.AsStatus(err)
		}
		return nil
	}
	return p.Bind(ctx, cycle, pod, node)
}
