package scheduler

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/defaultpreemption"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/deviceclass"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/noderesources"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// screen says which of the pods that room is being made for an ended pod may help (or one that takes less now), if it is for want of resources
// that they wait: those that fit its node now, beside the pods that are expected there, and those whose last victim it was. All others
// would be tried in vain for each victim of each preemption.
func (s *Scheduler) screen(event fwk.ClusterEvent, old, changed any) func(*state.PodInfo, string) bool {
	if node, ok := changed.(*corev1.Node); ok {
		return s.screenBySize(node)
	}
	if event.Resource != fwk.Pod || event.ActionType&(fwk.Delete|fwk.UpdatePodScaleDown) == 0 {
		return nil
	}
	pod, ok := old.(*corev1.Pod)
	if now, updated := changed.(*corev1.Pod); updated {
		pod, ok = now, true
	}
	if !ok {
		return nil
	}
	if pod.Spec.NodeName == "" { // it gives up room that it may have had, or was expected to take
		return func(waiting *state.PodInfo, plugin string) bool {
			return plugin != noderesources.FitName || waiting.GetPod().UID != pod.UID
		}
	}
	var r *room
	return func(waiting *state.PodInfo, plugin string) bool {
		if plugin != noderesources.FitName {
			return true
		}
		nominated, fit := s.nominated.Node(waiting.GetPod().UID), s.handles[waiting.GetPod().Spec.SchedulerName].fit
		if nominated == "" || fit == nil || nominated == pod.Spec.NodeName && deviceclass.Asks(waiting.GetPod()) {
			return true // of the last what the node has is not all
		}
		if r == nil && nominated != pod.Spec.NodeName && s.state.Refuses(pod.Spec.NodeName, func(node *state.NodeInfo) bool { return !fit.HasRoom(waiting.Requests(), node) }) {
			return false // not even by itself, which most do not
		}
		if r == nil {
			r = s.roomOn(pod.Spec.NodeName)
		}
		return r.node == nil || r.has(fit, waiting) || nominated == pod.Spec.NodeName && r.settled(waiting, s.nominated.Victims(waiting.GetPod().UID))
	}
}

// screenBySize says which pods a node has room for when it is empty, for less than the plugin's own hint would take to say so.
func (s *Scheduler) screenBySize(node *corev1.Node) func(*state.PodInfo, string) bool {
	info := state.NewNodeInfo(node)
	return func(waiting *state.PodInfo, plugin string) bool {
		fit := s.handles[waiting.GetPod().Spec.SchedulerName].fit
		return plugin != noderesources.FitName || fit == nil || deviceclass.Asks(waiting.GetPod()) || fit.HasRoom(waiting.Requests(), info)
	}
}

// room that there is on a node at a moment.
type room struct {
	node     *state.NodeInfo
	expected map[types.UID]fwk.PodInfo
	least    int32           // priority of those
	full     *state.NodeInfo // with all of them
}

func (s *Scheduler) roomOn(name string) *room {
	r := &room{node: s.state.Node(name)}
	if r.node == nil {
		return r
	}
	r.full = r.node
	for _, info := range s.nominated.On(name) {
		if r.expected == nil {
			r.expected, r.least, r.full = map[types.UID]fwk.PodInfo{}, corev1helpers.PodPriority(info.GetPod()), r.node.Snapshot().(*state.NodeInfo)
		}
		r.expected[info.GetPod().UID] = info
		r.least = min(r.least, corev1helpers.PodPriority(info.GetPod()))
		r.full.AddPodInfo(info)
	}
	return r
}

// has says whether the pod fits beside those of the same or a higher priority that are expected.
func (r *room) has(fit *noderesources.Fit, pod *state.PodInfo) bool {
	if !fit.HasRoom(pod.Requests(), r.node) {
		return false
	}
	uid, priority := pod.GetPod().UID, corev1helpers.PodPriority(pod.GetPod())
	if r.expected[uid] == nil && priority <= r.least {
		return fit.HasRoom(pod.Requests(), r.full)
	}
	node := r.node.Snapshot()
	for other, info := range r.expected {
		if other != uid && corev1helpers.PodPriority(info.GetPod()) >= priority {
			node.AddPodInfo(info)
		}
	}
	return fit.HasRoom(pod.Requests(), node)
}

// settled says that no more victims of the pod are here: if it does not fit yet, it may preempt others.
func (r *room) settled(pod *state.PodInfo, victims []types.UID) bool {
	for _, info := range r.node.GetPods() {
		if slices.Contains(victims, info.GetPod().UID) {
			return false
		}
		if defaultpreemption.Terminates(info.GetPod()) && corev1helpers.PodPriority(info.GetPod()) < corev1helpers.PodPriority(pod.GetPod()) {
			return false
		}
	}
	return true
}

// evicting says whether pods on a node end to make room for the pod.
func (s *Scheduler) evicting(pod *corev1.Pod, name string) bool {
	node := s.state.Node(name)
	return node != nil && !(&room{node: node}).settled(state.NewPodInfo(pod), s.nominated.Victims(pod.UID))
}

// hold keeps a pod that is being tried from being tried again while its victims are evicted.
func (s *Scheduler) hold(uid types.UID, victims []types.UID) {
	s.nominated.Expel(uid, victims)
	s.queue.Hold(uid, defaultpreemption.Name)
}

// renominate takes note of where room is being made for a pod, or that it is made nowhere any more.
func (s *Scheduler) renominate(ctx context.Context, pod *state.PodInfo, nomination *fwk.NominatingInfo) {
	kept := s.nominated.Node(pod.GetPod().UID)
	s.nominated.AddNominatedPod(klog.FromContext(ctx), pod, nomination)
	s.left(pod.GetPod(), kept)
	if nomination.NominatedNodeName == "" {
		s.queue.Calm(pod.GetPod().UID)
	}
}

// left says that a pod no longer keeps the room that was kept for it, if that is so.
func (s *Scheduler) left(pod *corev1.Pod, kept string) {
	if kept != "" && kept != s.nominated.Node(pod.UID) {
		s.queue.Move(fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, pod, nil)
	}
}
