package nominated

import (
	"slices"
	"sync"
	"sync/atomic"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
)

// Pods that preemption has made room for, by the node that the room is on. The zero value has none.
type Pods struct {
	some   atomic.Bool // pods are nominated
	mu     sync.Mutex
	nodeOf map[types.UID]string
	onNode map[string][]fwk.PodInfo // lists do not change, others take their places
	// victims of pods that are nominated, or are about to be.
	victims map[types.UID][]types.UID
}

var _ fwk.PodNominator = &Pods{}

// AddNominatedPod implements fwk.PodNominator.
func (n *Pods) AddNominatedPod(_ klog.Logger, pod fwk.PodInfo, info *fwk.NominatingInfo) {
	node := pod.GetPod().Status.NominatedNodeName
	if info.Mode() == fwk.ModeOverride {
		node = info.NominatedNodeName
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set(pod, node)
}

// DeleteNominatedPodIfExists implements fwk.PodNominator.
func (n *Pods) DeleteNominatedPodIfExists(pod *corev1.Pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.drop(pod.UID)
	delete(n.victims, pod.UID)
}

// UpdateNominatedPod implements fwk.PodNominator. A nomination that the API has never shown is still on its way there;
// one that it shows no more is withdrawn.
func (n *Pods) UpdateNominatedPod(_ klog.Logger, old *corev1.Pod, changed fwk.PodInfo) {
	n.mu.Lock()
	defer n.mu.Unlock()
	node := changed.GetPod().Status.NominatedNodeName
	if node == "" && (old == nil || old.Status.NominatedNodeName == "") {
		node = n.nodeOf[changed.GetPod().UID]
	}
	n.set(changed, node)
}

// Node returns the node that a pod is nominated for, or "".
func (n *Pods) Node(uid types.UID) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.nodeOf[uid]
}

// Expel takes note of who goes for a pod.
func (n *Pods) Expel(uid types.UID, victims []types.UID) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.victims == nil {
		n.victims = map[types.UID][]types.UID{}
	}
	n.victims[uid] = victims
}

// Victims returns who goes for a pod; nothing after a restart.
func (n *Pods) Victims(uid types.UID) []types.UID {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.victims[uid]
}

// NominatedPodsForNode implements fwk.PodNominator.
func (n *Pods) NominatedPodsForNode(node string) []fwk.PodInfo {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.onNode[node])
}

// On is NominatedPodsForNode without a copy: the list must not be changed. It is another one when anything about it has changed.
func (n *Pods) On(node string) []fwk.PodInfo {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.onNode[node]
}

// Any says that some pod is nominated. It is asked for every node, and takes no lock.
func (n *Pods) Any() bool { return n.some.Load() }

func (n *Pods) set(pod fwk.PodInfo, node string) {
	uid := pod.GetPod().UID
	n.drop(uid)
	if node == "" {
		delete(n.victims, uid)
		return
	}
	if n.nodeOf == nil {
		n.nodeOf, n.onNode = map[types.UID]string{}, map[string][]fwk.PodInfo{}
	}
	n.nodeOf[uid] = node
	n.onNode[node] = append(slices.Clip(n.onNode[node]), pod)
	n.some.Store(true)
}

func (n *Pods) drop(uid types.UID) {
	node, nominated := n.nodeOf[uid]
	if !nominated {
		return
	}
	delete(n.nodeOf, uid)
	var others []fwk.PodInfo
	for _, pod := range n.onNode[node] {
		if pod.GetPod().UID != uid {
			others = append(others, pod)
		}
	}
	if n.onNode[node] = others; len(others) == 0 {
		delete(n.onNode, node)
	}
	n.some.Store(len(n.nodeOf) > 0)
}
