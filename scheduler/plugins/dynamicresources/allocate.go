package dynamicresources

import (
	"context"
	"errors"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/dynamic-resource-allocation/structured"
	fwk "k8s.io/kube-scheduler/framework"
)

// features are those of v1.36 that are on by default.
func features() structured.Features {
	return structured.Features{
		AdminAccess: true, ConsumableCapacity: true, DeviceBindingAndStatus: true, DeviceTaints: true, PartitionableDevices: true, PrioritizedList: true,
	}
}

// choice is what was chosen for a pod on a node.
type choice struct {
	// results are for the open claims in their order, and last for extended resources, if the node lends any by device classes.
	results  []resourcev1.AllocationResult
	extended *extended
}

// Filter implements fwk.FilterPlugin.
func (p *Plugin) Filter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, info fwk.NodeInfo) *fwk.Status {
	n, node := read(cycle), info.Node()
	if n == nil {
		return nil
	}
	for _, claim := range n.claims {
		if selector := n.selectors[claim.UID]; selector != nil && !selector.Match(node) || n.broken.Has(claim.UID) {
			n.mu.Lock()
			n.unavailable[claim.UID] = true
			n.mu.Unlock()
			return unresolvable("resourceclaim not available on the node")
		}
	}
	wanted := choice{extended: n.extendedOn(pod, info)}
	open := n.open
	if wanted.extended != nil {
		open = append(slices.Clone(open), n.special(pod, wanted.extended))
	}
	if len(open) == 0 {
		return nil
	}
	if p.FilterTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.FilterTimeout)
		defer cancel()
	}
	var err error
	wanted.results, err = n.allocator.Allocate(ctx, node, open)
	switch {
	case errors.Is(err, structured.ErrFailedAllocationOnNode):
		return unresolvable(err.Error())
	case errors.Is(err, context.DeadlineExceeded):
		return unresolvable("timed out trying to allocate devices")
	case err != nil:
		return fwk.AsStatus(err)
	case wanted.results == nil:
		return unresolvable("cannot allocate all claims")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.chosen[node.Name] = wanted
	return nil
}

// extendedOn is what the pod asks of device classes on a node: the extended resources that the node itself, which is to say a device plugin,
// has none of. It is nil if there are no such.
func (n *needs) extendedOn(pod *corev1.Pod, node fwk.NodeInfo) *extended {
	own := node.GetAllocatable().GetScalarResources()
	left := n.classes
	for name := range n.classes {
		if own[name] > 0 {
			left = maps.Clone(n.classes)
			maps.DeleteFunc(left, func(name corev1.ResourceName, _ *resourcev1.DeviceClass) bool { return own[name] > 0 })
			break
		}
	}
	switch {
	case len(left) == 0:
		return nil
	case len(left) == len(n.classes):
		return n.extended
	}
	return extendedRequests(pod, left)
}

// specialName is not one that a claim can have.
const specialName = "<extended-resources>"

// special is the claim for extended resources, as it is while it is not made.
func (n *needs) special(pod *corev1.Pod, e *extended) *resourcev1.ResourceClaim {
	return &resourcev1.ResourceClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: specialName, UID: specialName + pod.UID},
		Spec:       resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: e.requests}},
	}
}
