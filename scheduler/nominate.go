package scheduler

import (
	"context"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/profile"
)

// nominations are the pods that preemption has made room for, by the node that the room is on.
type nominations struct {
	some   atomic.Bool // pods are nominated; asked for every node
	mu     sync.Mutex
	nodeOf map[types.UID]string
	onNode map[string]map[types.UID]fwk.PodInfo
	// victims of pods that are nominated, or are about to be.
	victims map[types.UID][]types.UID
}

var _ fwk.PodNominator = &nominations{}

// AddNominatedPod implements fwk.PodNominator.
func (n *nominations) AddNominatedPod(_ klog.Logger, pod fwk.PodInfo, info *fwk.NominatingInfo) {
	node := pod.GetPod().Status.NominatedNodeName
	if info.Mode() == fwk.ModeOverride {
		node = info.NominatedNodeName
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set(pod, node)
}

// DeleteNominatedPodIfExists implements fwk.PodNominator.
func (n *nominations) DeleteNominatedPodIfExists(pod *corev1.Pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(pod.UID)
	delete(n.victims, pod.UID)
}

// UpdateNominatedPod implements fwk.PodNominator. A nomination that the API has never shown is still on its way there;
// one that it shows no more is withdrawn.
func (n *nominations) UpdateNominatedPod(_ klog.Logger, old *corev1.Pod, changed fwk.PodInfo) {
	n.mu.Lock()
	defer n.mu.Unlock()
	node := changed.GetPod().Status.NominatedNodeName
	if node == "" && (old == nil || old.Status.NominatedNodeName == "") {
		node = n.nodeOf[changed.GetPod().UID]
	}
	n.set(changed, node)
}

// node returns the node that a pod is nominated for, or "".
func (n *nominations) node(uid types.UID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodeOf[uid]
}

// expel takes note of who goes for a pod.
func (n *nominations) expel(uid types.UID, victims []types.UID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.victims == nil {
		n.victims = map[types.UID][]types.UID{}
	}
	n.victims[uid] = victims
}

// victimsOf returns who goes for a pod; nothing after a restart.
func (n *nominations) victimsOf(uid types.UID) []types.UID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.victims[uid]
}

// NominatedPodsForNode implements fwk.PodNominator.
func (n *nominations) NominatedPodsForNode(node string) []fwk.PodInfo {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.onNode[node]) == 0 {
		return nil
	}
	var pods []fwk.PodInfo
	for _, pod := range n.onNode[node] {
		pods = append(pods, pod)
	}
	return pods
}

func (n *nominations) set(pod fwk.PodInfo, node string) {
	uid := pod.GetPod().UID
	n.drop(uid)
	if node == "" {
		delete(n.victims, uid)
		return
	}
	if n.nodeOf == nil {
		n.nodeOf, n.onNode = map[types.UID]string{}, map[string]map[types.UID]fwk.PodInfo{}
	}
	n.nodeOf[uid] = node
	if n.onNode[node] == nil {
		n.onNode[node] = map[types.UID]fwk.PodInfo{}
	}
	n.onNode[node][uid] = pod
	n.some.Store(true)
}

func (n *nominations) drop(uid types.UID) {
	node := n.nodeOf[uid]
	delete(n.nodeOf, uid)
	if delete(n.onNode[node], uid); len(n.onNode[node]) == 0 {
		delete(n.onNode, node)
	}
	n.some.Store(len(n.nodeOf) > 0)
}

// filter asks the plugins whether the pod fits the node, also when the pods of the same or a higher priority that are
// nominated for it have come. It must fit without them too: they may never come, and it may need one of the node's pods.
func (h *handle) filter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	expected := h.expected(pod, node)
	if len(expected) == 0 {
		return h.profile.Filter(ctx, cycle, pod, node)
	}
	later, full := cycle.Clone(), node.Snapshot()
	for _, info := range expected {
		full.AddPodInfo(info)
		if status := h.RunPreFilterExtensionAddPod(ctx, later, pod, info, full); !status.IsSuccess() {
			return status
		}
	}
	if status := h.profile.Filter(ctx, later, pod, full); !status.IsSuccess() {
		return status
	}
	return h.profile.Filter(ctx, cycle, pod, node)
}

// expected are the pods that the node must have room for beside the pod.
func (h *handle) expected(pod *corev1.Pod, node fwk.NodeInfo) []fwk.PodInfo {
	if !h.some.Load() {
		return nil
	}
	var expected []fwk.PodInfo
	for _, info := range h.NominatedPodsForNode(node.Node().Name) {
		if info.GetPod().UID != pod.UID && corev1helpers.PodPriority(info.GetPod()) >= corev1helpers.PodPriority(pod) {
			expected = append(expected, info)
		}
	}
	return expected
}

// RunPreScorePlugins implements fwk.PluginsRunner.
func (h *handle) RunPreScorePlugins(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) *fwk.Status {
	return h.profile.PreScore(ctx, cycle, pod, nodes)
}

// RunScorePlugins implements fwk.PluginsRunner.
func (h *handle) RunScorePlugins(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, nodes []fwk.NodeInfo) ([]fwk.NodePluginScores, *fwk.Status) {
	totals, status := h.profile.Score(ctx, cycle, pod, nodes, profile.Known{Room: &profile.Room{}})
	if !status.IsSuccess() {
		return nil, status
	}
	scores := make([]fwk.NodePluginScores, len(nodes))
	for i, node := range nodes {
		scores[i] = fwk.NodePluginScores{Name: node.Node().Name, TotalScore: totals[i]}
	}
	return scores, nil
}

// RunFilterPlugins implements fwk.PluginsRunner.
func (h *handle) RunFilterPlugins(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, node fwk.NodeInfo) *fwk.Status {
	return h.profile.Filter(ctx, cycle, pod, node)
}

// RunPreFilterExtensionAddPod implements fwk.PluginsRunner.
func (h *handle) RunPreFilterExtensionAddPod(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, added fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	return h.profile.Simulate(cycle, func(extension fwk.PreFilterExtensions) *fwk.Status {
		return extension.AddPod(ctx, cycle, pod, added, node)
	})
}

// RunPreFilterExtensionRemovePod implements fwk.PluginsRunner.
func (h *handle) RunPreFilterExtensionRemovePod(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, removed fwk.PodInfo, node fwk.NodeInfo) *fwk.Status {
	return h.profile.Simulate(cycle, func(extension fwk.PreFilterExtensions) *fwk.Status {
		return extension.RemovePod(ctx, cycle, pod, removed, node)
	})
}
