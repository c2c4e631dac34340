package state

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ndf "k8s.io/component-helpers/nodedeclaredfeatures"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
)

// NodeInfo is a node and the pods on it, with the sums that filters ask for.
type NodeInfo struct {
	node                            *corev1.Node
	pods, affinity, antiAffinity    []fwk.PodInfo
	ports                           fwk.HostPortInfo
	requested, nonZero, allocatable *Resource
	images                          map[string]*fwk.ImageStateSummary
	claims                          map[string]int
	features                        ndf.FeatureSet
	generation                      int64
	position                        int // in the snapshot
}

var _ fwk.NodeInfo = &NodeInfo{}

// NewNodeInfo returns a node that carries no pods; node may be nil for one that is not known yet.
func NewNodeInfo(node *corev1.Node) *NodeInfo {
	n := &NodeInfo{ports: fwk.HostPortInfo{}, requested: &Resource{}, nonZero: &Resource{}, allocatable: &Resource{},
		images: map[string]*fwk.ImageStateSummary{}, claims: map[string]int{}}
	if node != nil {
		n.SetNode(node)
	}
	return n
}

// Node implements fwk.NodeInfo.
func (n *NodeInfo) Node() *corev1.Node { return n.node }

// GetPods implements fwk.NodeInfo.
func (n *NodeInfo) GetPods() []fwk.PodInfo { return n.pods }

// GetPodsWithAffinity implements fwk.NodeInfo.
func (n *NodeInfo) GetPodsWithAffinity() []fwk.PodInfo { return n.affinity }

// GetPodsWithRequiredAntiAffinity implements fwk.NodeInfo.
func (n *NodeInfo) GetPodsWithRequiredAntiAffinity() []fwk.PodInfo { return n.antiAffinity }

// GetUsedPorts implements fwk.NodeInfo.
func (n *NodeInfo) GetUsedPorts() fwk.HostPortInfo { return n.ports }

// GetRequested implements fwk.NodeInfo.
func (n *NodeInfo) GetRequested() fwk.Resource { return n.requested }

// GetNonZeroRequested implements fwk.NodeInfo.
func (n *NodeInfo) GetNonZeroRequested() fwk.Resource { return n.nonZero }

// GetAllocatable implements fwk.NodeInfo.
func (n *NodeInfo) GetAllocatable() fwk.Resource { return n.allocatable }

// GetImageStates implements fwk.NodeInfo.
func (n *NodeInfo) GetImageStates() map[string]*fwk.ImageStateSummary { return n.images }

// GetPVCRefCounts implements fwk.NodeInfo.
func (n *NodeInfo) GetPVCRefCounts() map[string]int { return n.claims }

// GetGeneration implements fwk.NodeInfo.
func (n *NodeInfo) GetGeneration() int64 { return n.generation }

// Position of the node in the snapshot's list; it means something while the snapshot's Roster stays the same.
func (n *NodeInfo) Position() int { return n.position }

// GetNodeDeclaredFeatures implements fwk.NodeInfo.
func (n *NodeInfo) GetNodeDeclaredFeatures() ndf.FeatureSet { return n.features }

// GetNodeAllocatableDRAClaimState implements fwk.NodeInfo: no resource claims are allocated from nodes yet.
func (n *NodeInfo) GetNodeAllocatableDRAClaimState() map[types.NamespacedName]*fwk.NodeAllocatableDRAClaimState {
	return nil
}

// Snapshot implements fwk.NodeInfo.
func (n *NodeInfo) Snapshot() fwk.NodeInfo { return n.clone() }

func (n *NodeInfo) clone() *NodeInfo {
	c := *n
	c.pods, c.affinity, c.antiAffinity = slices.Clone(n.pods), slices.Clone(n.affinity), slices.Clone(n.antiAffinity)
	c.requested, c.nonZero, c.allocatable = n.requested.Clone(), n.nonZero.Clone(), n.allocatable.Clone()
	c.claims = maps.Clone(n.claims) // images are replaced, never changed
	c.ports = make(fwk.HostPortInfo, len(n.ports))
	for ip, ports := range n.ports {
		c.ports[ip] = maps.Clone(ports)
	}
	return &c
}

// String implements fwk.NodeInfo.
func (n *NodeInfo) String() string {
	name := "unknown"
	if n.node != nil {
		name = n.node.Name
	}
	return fmt.Sprintf("node %s: %d pods, requested %+v of %+v", name, len(n.pods), *n.requested, *n.allocatable)
}

// SetNode implements fwk.NodeInfo.
func (n *NodeInfo) SetNode(node *corev1.Node) {
	n.node = node
	n.allocatable = newResource(node.Status.Allocatable)
	n.images = map[string]*fwk.ImageStateSummary{}
	for _, image := range node.Status.Images {
		for _, name := range image.Names {
			n.images[name] = &fwk.ImageStateSummary{Size: image.SizeBytes}
		}
	}
	n.features = ndf.DefaultFramework.TryMap(node.Status.DeclaredFeatures)
	n.generation++
}

// AddPodInfo implements fwk.NodeInfo.
func (n *NodeInfo) AddPodInfo(info fwk.PodInfo) {
	n.pods = append(n.pods, info)
	if hasAffinity(info) {
		n.affinity = append(n.affinity, info)
	}
	if len(info.GetRequiredAntiAffinityTerms()) > 0 {
		n.antiAffinity = append(n.antiAffinity, info)
	}
	n.count(info, 1)
}

// RemovePod implements fwk.NodeInfo.
func (n *NodeInfo) RemovePod(_ klog.Logger, pod *corev1.Pod) error {
	same := func(info fwk.PodInfo) bool { return info.GetPod().UID == pod.UID }
	at := slices.IndexFunc(n.pods, same)
	if at < 0 {
		return fmt.Errorf("removing pod %s/%s: it is not on %s", pod.Namespace, pod.Name, n)
	}
	n.count(n.pods[at], -1)
	n.pods = slices.Delete(n.pods, at, at+1)
	n.affinity = slices.DeleteFunc(n.affinity, same)
	n.antiAffinity = slices.DeleteFunc(n.antiAffinity, same)
	return nil
}

// replace exchanges a pod for one that counts the same.
func (n *NodeInfo) replace(old, now *PodInfo) {
	for _, list := range [][]fwk.PodInfo{n.pods, n.affinity, n.antiAffinity} {
		for i := range list {
			if list[i] == fwk.PodInfo(old) {
				list[i] = now
			}
		}
	}
}

// count adds a pod to the sums, or takes it out of them.
func (n *NodeInfo) count(info fwk.PodInfo, sign int64) {
	resources := info.CalculateResource()
	if exact, ok := resources.Resource.(*Resource); ok {
		n.requested.plus(exact, sign)
	}
	n.nonZero.MilliCPU += sign * resources.Non0CPU
	n.nonZero.Memory += sign * resources.Non0Mem
	pod := info.GetPod()
	for _, port := range HostPorts(pod) {
		if sign > 0 {
			n.ports.Add(port.HostIP, string(port.Protocol), port.HostPort)
		} else {
			n.ports.Remove(port.HostIP, string(port.Protocol), port.HostPort)
		}
	}
	for _, volume := range pod.Spec.Volumes {
		if volume.PersistentVolumeClaim == nil {
			continue
		}
		key := pod.Namespace + "/" + volume.PersistentVolumeClaim.ClaimName
		if n.claims[key] += int(sign); n.claims[key] <= 0 {
			delete(n.claims, key)
		}
	}
	n.generation++
}

// HostPorts of all containers that run for the pod's whole life.
func HostPorts(pod *corev1.Pod) []corev1.ContainerPort {
	var ports []corev1.ContainerPort
	collect := func(container *corev1.Container) {
		for _, port := range container.Ports {
			if port.HostPort > 0 {
				ports = append(ports, port)
			}
		}
	}
	for i := range pod.Spec.Containers {
		collect(&pod.Spec.Containers[i])
	}
	for i := range pod.Spec.InitContainers {
		if policy := pod.Spec.InitContainers[i].RestartPolicy; policy != nil && *policy == corev1.ContainerRestartPolicyAlways {
			collect(&pod.Spec.InitContainers[i])
		}
	}
	return ports
}

func hasAffinity(info fwk.PodInfo) bool {
	return len(info.GetRequiredAffinityTerms())+len(info.GetRequiredAntiAffinityTerms())+
		len(info.GetPreferredAffinityTerms())+len(info.GetPreferredAntiAffinityTerms()) > 0
}
