package state

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"
)

// PodInfo is a pod with what the scheduler has computed of it once.
type PodInfo struct {
	pod                                    *corev1.Pod
	resources                              fwk.PodResource
	exact, nonZero                         *Resource
	requiredAffinity, requiredAntiAffinity []fwk.AffinityTerm
	preferred, preferredAnti               []fwk.WeightedAffinityTerm
	terms                                  []term // all of them
	// Err is what is wrong with its affinity terms.
	Err error
}

var _ fwk.PodInfo = &PodInfo{}

// NewPodInfo computes everything about a pod. A term that cannot be read is left out and reported in Err.
func NewPodInfo(pod *corev1.Pod) *PodInfo {
	p := &PodInfo{pod: pod}
	p.exact, p.nonZero = requests(pod)
	p.resources = fwk.PodResource{Resource: p.exact, Non0CPU: p.nonZero.MilliCPU, Non0Mem: p.nonZero.Memory}
	affinity := pod.Spec.Affinity
	if affinity == nil {
		return p
	}
	keep := func(err error) {
		if err != nil && p.Err == nil {
			p.Err = err
		}
	}
	var err error
	if with := affinity.PodAffinity; with != nil {
		p.requiredAffinity, err = fwk.GetAffinityTerms(pod, narrowed(pod, with.RequiredDuringSchedulingIgnoredDuringExecution))
		keep(err)
		p.preferred, err = fwk.GetWeightedAffinityTerms(pod, narrowedWeighted(pod, with.PreferredDuringSchedulingIgnoredDuringExecution))
		keep(err)
	}
	if without := affinity.PodAntiAffinity; without != nil {
		p.requiredAntiAffinity, err = fwk.GetAffinityTerms(pod, narrowed(pod, without.RequiredDuringSchedulingIgnoredDuringExecution))
		keep(err)
		p.preferredAnti, err = fwk.GetWeightedAffinityTerms(pod, narrowedWeighted(pod, without.PreferredDuringSchedulingIgnoredDuringExecution))
		keep(err)
	}
	p.collect()
	return p
}

// renewed is what is computed of another version of the pod, nil if it would have to be computed anew. What a pod that has a node
// takes there changes by resizing alone, which shows in the requests or, while it lasts, in the status.
func (p *PodInfo) renewed(pod *corev1.Pod) *PodInfo {
	if p.Err != nil || resizes(p.pod) || resizes(pod) || !maps.Equal(p.pod.Labels, pod.Labels) || !sameRequests(p.pod.Spec.Containers, pod.Spec.Containers) ||
		!sameRequests(p.pod.Spec.InitContainers, pod.Spec.InitContainers) || !equality.Semantic.DeepEqual(p.pod.Spec.Affinity, pod.Spec.Affinity) {
		return nil
	}
	next := *p
	next.pod = pod
	return &next
}

// resizes says whether anything but the requests of containers may have a say in what the pod takes.
func resizes(pod *corev1.Pod) bool {
	return pod.Spec.Resources != nil || len(pod.Status.ContainerStatuses)+len(pod.Status.InitContainerStatuses) > 0 || pod.Status.Resize != "" ||
		len(pod.Status.AllocatedResources) > 0
}

func sameRequests(a, b []corev1.Container) bool {
	return slices.EqualFunc(a, b, func(a, b corev1.Container) bool {
		return maps.EqualFunc(a.Resources.Requests, b.Resources.Requests, func(x, y resource.Quantity) bool { return x.Cmp(y) == 0 })
	})
}

// equivalent says whether the pods count the same on a node. What else there is in a pod's specification that counts
// there cannot be changed.
func (p *PodInfo) equivalent(other *PodInfo) bool {
	return maps.Equal(p.pod.Labels, other.pod.Labels) && (p.pod.DeletionTimestamp == nil) == (other.pod.DeletionTimestamp == nil) &&
		p.exact.equal(other.exact) && p.nonZero.equal(other.nonZero) && slices.EqualFunc(p.terms, other.terms, func(a, b term) bool { return a.kind == b.kind && a.key == b.key })
}

// SameDemands says whether the pods ask the same of a node by itself: resources, ports, images, labels, tolerance of
// taints, a name, features of the kubelet. What pods have to do with each other and with volumes is not compared.
func (p *PodInfo) SameDemands(other *PodInfo) bool {
	a, b := &p.pod.Spec, &other.pod.Spec
	return p.exact.equal(other.exact) && p.nonZero.equal(other.nonZero) && a.NodeName == b.NodeName &&
		maps.Equal(a.NodeSelector, b.NodeSelector) && slices.EqualFunc(a.Tolerations, b.Tolerations, sameToleration) &&
		sameNodeAffinity(nodeAffinity(a), nodeAffinity(b)) && a.HostNetwork == b.HostNetwork && ptr.Equal(a.HostUsers, b.HostUsers) &&
		sameContainers(a.Containers, b.Containers) && sameContainers(a.InitContainers, b.InitContainers)
}

func sameToleration(a, b corev1.Toleration) bool {
	return a.Key == b.Key && a.Operator == b.Operator && a.Value == b.Value && a.Effect == b.Effect && ptr.Equal(a.TolerationSeconds, b.TolerationSeconds)
}

func sameNodeAffinity(a, b *corev1.NodeAffinity) bool {
	return a == b || equality.Semantic.DeepEqual(a, b)
}

func nodeAffinity(spec *corev1.PodSpec) *corev1.NodeAffinity {
	if spec.Affinity == nil {
		return nil
	}
	return spec.Affinity.NodeAffinity
}

func sameContainers(a, b []corev1.Container) bool {
	return slices.EqualFunc(a, b, func(a, b corev1.Container) bool {
		return a.Image == b.Image && slices.Equal(a.Ports, b.Ports) && ptr.Equal(a.RestartPolicy, b.RestartPolicy) &&
			slices.EqualFunc(a.RestartPolicyRules, b.RestartPolicyRules, func(a, b corev1.ContainerRestartRule) bool { return a.Action == b.Action })
	})
}

// GetPod implements fwk.PodInfo.
func (p *PodInfo) GetPod() *corev1.Pod { return p.pod }

// GetRequiredAffinityTerms implements fwk.PodInfo.
func (p *PodInfo) GetRequiredAffinityTerms() []fwk.AffinityTerm { return p.requiredAffinity }

// GetRequiredAntiAffinityTerms implements fwk.PodInfo.
func (p *PodInfo) GetRequiredAntiAffinityTerms() []fwk.AffinityTerm { return p.requiredAntiAffinity }

// GetPreferredAffinityTerms implements fwk.PodInfo.
func (p *PodInfo) GetPreferredAffinityTerms() []fwk.WeightedAffinityTerm { return p.preferred }

// GetPreferredAntiAffinityTerms implements fwk.PodInfo.
func (p *PodInfo) GetPreferredAntiAffinityTerms() []fwk.WeightedAffinityTerm { return p.preferredAnti }

// CalculateResource implements fwk.PodInfo.
func (p *PodInfo) CalculateResource() fwk.PodResource { return p.resources }

// Requests is what the pod asks for.
func (p *PodInfo) Requests() *Resource { return p.exact }

// nonMissing is what a container that asks for nothing counts as.
func nonMissing() corev1.ResourceList {
	return corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(defaultMilliCPU, resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(defaultMemory, resource.BinarySI),
	}
}

const infoKey = "state.PodInfo"

// Clone implements fwk.StateData: it is never changed.
func (p *PodInfo) Clone() fwk.StateData { return p }

// KeepInfo lets the plugins of a cycle share what has been computed of its pod.
func KeepInfo(cycle fwk.CycleState, info *PodInfo) { cycle.Write(infoKey, info) }

// InfoOf returns what is computed of the pod of a cycle.
func InfoOf(cycle fwk.CycleState, pod *corev1.Pod) *PodInfo {
	if data, err := cycle.Read(infoKey); err == nil {
		if info, ok := data.(*PodInfo); ok && info.pod == pod {
			return info
		}
	}
	return NewPodInfo(pod)
}
