package state

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
	fwk "k8s.io/kube-scheduler/framework"
)

// A container without requests counts as this much when nodes are scored, so that such pods spread
// (documented with NodeResourcesFit).
const (
	defaultMilliCPU int64 = 100
	defaultMemory   int64 = 200 * 1024 * 1024
)

// Resource is an amount of each kind of resource: thousandths of a CPU, bytes, pods, and whatever else there is.
type Resource struct {
	MilliCPU, Memory, EphemeralStorage int64
	AllowedPodNumber                   int
	Scalar                             map[corev1.ResourceName]int64
}

var _ fwk.Resource = &Resource{}

// newResource reads a list of the API.
func newResource(list corev1.ResourceList) *Resource {
	r := &Resource{}
	r.add(list, 1)
	return r
}

// GetMilliCPU implements fwk.Resource.
func (r *Resource) GetMilliCPU() int64 { return r.MilliCPU }

// GetMemory implements fwk.Resource.
func (r *Resource) GetMemory() int64 { return r.Memory }

// GetEphemeralStorage implements fwk.Resource.
func (r *Resource) GetEphemeralStorage() int64 { return r.EphemeralStorage }

// GetAllowedPodNumber implements fwk.Resource.
func (r *Resource) GetAllowedPodNumber() int { return r.AllowedPodNumber }

// GetScalarResources implements fwk.Resource.
func (r *Resource) GetScalarResources() map[corev1.ResourceName]int64 { return r.Scalar }

// SetMaxResource implements fwk.Resource.
func (r *Resource) SetMaxResource(list corev1.ResourceList) {
	other := newResource(list)
	r.MilliCPU = max(r.MilliCPU, other.MilliCPU)
	r.Memory = max(r.Memory, other.Memory)
	r.EphemeralStorage = max(r.EphemeralStorage, other.EphemeralStorage)
	for name, value := range other.Scalar {
		r.setScalar(name, max(r.Scalar[name], value))
	}
}

// plus adds other times sign to r.
func (r *Resource) plus(other *Resource, sign int64) {
	r.MilliCPU += sign * other.MilliCPU
	r.Memory += sign * other.Memory
	r.EphemeralStorage += sign * other.EphemeralStorage
	for name, value := range other.Scalar {
		r.setScalar(name, r.Scalar[name]+sign*value)
	}
}

func (r *Resource) equal(other *Resource) bool {
	return r.MilliCPU == other.MilliCPU && r.Memory == other.Memory && r.EphemeralStorage == other.EphemeralStorage &&
		r.AllowedPodNumber == other.AllowedPodNumber && maps.Equal(r.Scalar, other.Scalar)
}

// Of is the amount of one kind.
func (r *Resource) Of(name corev1.ResourceName) int64 {
	switch name {
	case corev1.ResourceCPU:
		return r.MilliCPU
	case corev1.ResourceMemory:
		return r.Memory
	case corev1.ResourceEphemeralStorage:
		return r.EphemeralStorage
	}
	return r.Scalar[name]
}

// LessThan says whether r has less of something than other.
func (r *Resource) LessThan(other *Resource) bool {
	if r.MilliCPU < other.MilliCPU || r.Memory < other.Memory || r.EphemeralStorage < other.EphemeralStorage {
		return true
	}
	for name, value := range other.Scalar {
		if r.Scalar[name] < value {
			return true
		}
	}
	return false
}

// Clone returns a copy.
func (r *Resource) Clone() *Resource {
	c := *r
	c.Scalar = nil
	for name, value := range r.Scalar {
		c.setScalar(name, value)
	}
	return &c
}

func (r *Resource) add(list corev1.ResourceList, sign int64) {
	for name, quantity := range list {
		switch name {
		case corev1.ResourceCPU:
			r.MilliCPU += sign * quantity.MilliValue()
		case corev1.ResourceMemory:
			r.Memory += sign * quantity.Value()
		case corev1.ResourceEphemeralStorage:
			r.EphemeralStorage += sign * quantity.Value()
		case corev1.ResourcePods:
			r.AllowedPodNumber += int(sign * quantity.Value())
		default:
			r.setScalar(name, r.Scalar[name]+sign*quantity.Value())
		}
	}
}

func (r *Resource) setScalar(name corev1.ResourceName, value int64) {
	if r.Scalar == nil {
		r.Scalar = map[corev1.ResourceName]int64{}
	}
	r.Scalar[name] = value
}

// requests of a pod: what it asks for, and the same with a minimum for each container that asks for nothing. While a
// container is resized in place the larger of what it has and what it asks for counts.
func requests(pod *corev1.Pod) (exact, nonZero *Resource) {
	exact = newResource(resource.PodRequests(pod, resource.PodResourcesOptions{UseStatusResources: true}))
	nonZero = newResource(resource.PodRequests(pod, resource.PodResourcesOptions{
		UseStatusResources: true, NonMissingContainerRequests: nonMissing(),
	}))
	return exact, nonZero
}
