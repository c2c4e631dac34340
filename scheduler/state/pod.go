package state

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	fwk "k8s.io/kube-scheduler/framework"
)

// PodInfo is a pod with what the scheduler has computed of it once.
type PodInfo struct {
	pod                                    *corev1.Pod
	resources                              fwk.PodResource
	exact, nonZero                         *Resource
	requiredAffinity, requiredAntiAffinity []fwk.AffinityTerm
	preferred, preferredAnti               []fwk.WeightedAffinityTerm
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
	p.requiredAffinity, err = fwk.GetAffinityTerms(pod, fwk.GetPodAffinityTerms(affinity))
	keep(err)
	p.requiredAntiAffinity, err = fwk.GetAffinityTerms(pod, fwk.GetPodAntiAffinityTerms(affinity))
	keep(err)
	if affinity.PodAffinity != nil {
		p.preferred, err = fwk.GetWeightedAffinityTerms(pod, affinity.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
		keep(err)
	}
	if affinity.PodAntiAffinity != nil {
		p.preferredAnti, err = fwk.GetWeightedAffinityTerms(pod, affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
		keep(err)
	}
	return p
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
