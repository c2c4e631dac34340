// Package dynamicresources gives pods the devices that their ResourceClaims ask for: it refuses nodes that cannot have them,
// chooses devices with the structured allocator of k8s.io/dynamic-resource-allocation, and writes allocations and reservations.
//
//	PreEnqueue: the claims of templates are made -> PreFilter: which claims are allocated, which open (claims.go)
//	-> Filter: devices for the open ones on each node (allocate.go) -> Reserve: nobody else gets these devices
//	-> PreBind: write it (bind.go); PostFilter gives devices back that keep the pod from every node
package dynamicresources

import (
	"context"
	"sync"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/dynamic-resource-allocation/cel"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	"k8s.io/dynamic-resource-allocation/structured"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Name in configurations.
const Name = "DynamicResources"

// Plugin implements PreEnqueue, PreFilter, Filter, PostFilter, Reserve and PreBind.
type Plugin struct {
	// Client reads from informers and writes as the scheduler.
	Client client.Client

	mu      sync.Mutex
	assumed map[types.UID]assumption // what informers do not show yet, by the claims' UIDs
	cache   *cel.Cache               // of compiled selectors
}

var (
	_ fwk.PreEnqueuePlugin  = &Plugin{}
	_ fwk.PreFilterPlugin   = &Plugin{}
	_ fwk.FilterPlugin      = &Plugin{}
	_ fwk.PostFilterPlugin  = &Plugin{}
	_ fwk.ReservePlugin     = &Plugin{}
	_ fwk.PreBindPlugin     = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// needs are the claims of one pod, and which devices were chosen for them on each node.
type needs struct {
	claims    []*resourcev1.ResourceClaim
	open      []*resourcev1.ResourceClaim // of them, those that have no devices yet
	selectors map[types.UID]*nodeaffinity.NodeSelector
	allocator structured.Allocator // nil if nothing is open

	mu          sync.Mutex
	reserved    []*resourcev1.ResourceClaim              // that PreBind has written
	chosen      map[string][]resourcev1.AllocationResult // for the open ones in their order, by node
	unavailable map[types.UID]bool                       // allocated claims that some node cannot reach
}

// Clone implements fwk.StateData.
func (n *needs) Clone() fwk.StateData { return n }

// Name implements fwk.Plugin.
func (*Plugin) Name() string { return Name }

// PreEnqueue implements fwk.PreEnqueuePlugin.
func (*Plugin) PreEnqueue(_ context.Context, pod *corev1.Pod) *fwk.Status {
	for i := range pod.Spec.ResourceClaims {
		if _, _, err := resourceclaim.Name(pod, &pod.Spec.ResourceClaims[i]); err != nil {
			return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, err.Error())
		}
	}
	return nil
}

// PreFilter implements fwk.PreFilterPlugin.
func (p *Plugin) PreFilter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ []fwk.NodeInfo) (*fwk.PreFilterResult, *fwk.Status) {
	if len(pod.Spec.ResourceClaims) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	n, status := p.claimsOf(ctx, pod)
	if !status.IsSuccess() {
		return nil, status
	}
	if len(n.claims) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	if len(n.open) > 0 {
		var err error
		if n.allocator, err = p.newAllocator(ctx); err != nil {
			return nil, fwk.AsStatus(err)
		}
	}
	cycle.Write(Name, n)
	return nil, nil
}

// PreFilterExtensions implements fwk.PreFilterPlugin.
func (*Plugin) PreFilterExtensions() fwk.PreFilterExtensions { return nil }

func read(cycle fwk.CycleState) *needs {
	data, err := cycle.Read(Name)
	if err != nil {
		return nil // a pod without claims
	}
	return data.(*needs)
}

// PostFilter implements fwk.PostFilterPlugin: a claim that is allocated where the pod cannot go, and that nobody else uses, is
// given back, so that its devices are chosen anew.
func (p *Plugin) PostFilter(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ fwk.NodeToStatusReader) (*fwk.PostFilterResult, *fwk.Status) {
	n := read(cycle)
	if n == nil {
		return nil, fwk.NewStatus(fwk.Unschedulable)
	}
	for _, claim := range n.claims {
		if !n.unavailable[claim.UID] || !onlyFor(pod, claim) {
			continue
		}
		changed := claim.DeepCopy()
		changed.Status.Allocation, changed.Status.ReservedFor = nil, nil
		if err := p.Client.Status().Patch(ctx, changed, locked(claim)); err != nil {
			return nil, fwk.AsStatus(err)
		}
		return nil, fwk.NewStatus(fwk.Unschedulable, "deallocation of ResourceClaim completed")
	}
	return nil, fwk.NewStatus(fwk.Unschedulable, "still not schedulable")
}

// onlyFor says that nobody else uses the claim.
func onlyFor(pod *corev1.Pod, claim *resourcev1.ResourceClaim) bool {
	return len(claim.Status.ReservedFor) == 0 || len(claim.Status.ReservedFor) == 1 && claim.Status.ReservedFor[0].UID == pod.UID
}
