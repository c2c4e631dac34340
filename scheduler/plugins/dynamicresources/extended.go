package dynamicresources

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/deviceclass"
)

// extended is what a pod asks of device classes by the names of extended resources: requests of the claim that the scheduler makes for it,
// and which container uses which of them for which resource.
type extended struct {
	requests []resourcev1.DeviceRequest
	mappings []corev1.ContainerExtendedResourceRequest
}

// containers of a pod in the order in which they are numbered.
func containers(pod *corev1.Pod) []*corev1.Container {
	var all []*corev1.Container
	for i := range pod.Spec.InitContainers {
		all = append(all, &pod.Spec.InitContainers[i])
	}
	for i := range pod.Spec.Containers {
		all = append(all, &pod.Spec.Containers[i])
	}
	return all
}

// extendedRequests are the requests for the resources that classes stand for. They are in the order of their names.
func extendedRequests(pod *corev1.Pod, classes deviceclass.Classes) *extended {
	e := &extended{}
	for _, resource := range slices.Sorted(maps.Keys(classes)) {
		e.ask(pod, resource, classes[resource].Name)
	}
	slices.SortFunc(e.requests, func(a, b resourcev1.DeviceRequest) int { return strings.Compare(a.Name, b.Name) })
	return e
}

// ask adds the requests for one resource. A container that goes on running, as sidecars do, has devices of its own. An init container ends before
// those behind it start: it uses their devices first, and what all of it does not suffice for is one more request, that of the init container that
// lacks most, which they use one after the other.
//
//	init 3, sidecar 1, init 4, main 2  -->  sidecar 1, main 2, and 2 of the second init container
//	                                        the first uses the sidecar's and main's, the second main's and its own
func (e *extended) ask(pod *corev1.Pod, resource corev1.ResourceName, class string) {
	all := containers(pod)
	most, owner := int64(0), -1
	stays := func(at int) bool {
		return at >= len(pod.Spec.InitContainers) || ptr.Deref(all[at].RestartPolicy, "") == corev1.ContainerRestartPolicyAlways
	}
	for at, c := range all {
		count := amountOf(c, resource)
		if count == 0 {
			continue
		}
		if stays(at) {
			e.request(c, at, resource, class, count)
			e.use(c, c, at, resource)
			continue
		}
		for later := at + 1; later < len(all); later++ {
			if stays(later) {
				count -= amountOf(all[later], resource)
			}
		}
		if count > most {
			most, owner = count, at
		}
	}
	if owner >= 0 {
		e.request(all[owner], owner, resource, class, most)
	}
	for at, c := range all {
		left := amountOf(c, resource)
		if left == 0 || stays(at) {
			continue
		}
		for later := at + 1; later < len(all) && left > 0; later++ {
			if count := amountOf(all[later], resource); stays(later) && count > 0 {
				e.use(c, all[later], later, resource)
				left -= count
			}
		}
		if left > 0 {
			e.use(c, all[owner], owner, resource)
		}
	}
}

func (e *extended) request(c *corev1.Container, at int, resource corev1.ResourceName, class string, count int64) {
	e.requests = append(e.requests, resourcev1.DeviceRequest{
		Name: requestName(c, at, resource),
		Exactly: &resourcev1.ExactDeviceRequest{
			DeviceClassName: class, AllocationMode: resourcev1.DeviceAllocationModeExactCount, Count: count,
		},
	})
}

// use notes that a container uses what was requested for another, or for itself.
func (e *extended) use(user, owner *corev1.Container, at int, resource corev1.ResourceName) {
	e.mappings = append(e.mappings, corev1.ContainerExtendedResourceRequest{
		ContainerName: user.Name, ResourceName: string(resource), RequestName: requestName(owner, at, resource),
	})
}

// requestName counts the containers of the pod, and all that the container requests in the order of their names.
func requestName(c *corev1.Container, at int, resource corev1.ResourceName) string {
	place := slices.Index(slices.Sorted(maps.Keys(c.Resources.Requests)), resource)
	return fmt.Sprintf("container-%d-request-%d", at, place)
}

func amountOf(c *corev1.Container, resource corev1.ResourceName) int64 {
	amount := c.Resources.Requests[resource]
	return amount.Value()
}
