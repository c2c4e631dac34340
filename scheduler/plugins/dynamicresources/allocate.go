package dynamicresources

import (
	"context"
	"errors"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/dynamic-resource-allocation/cel"
	"k8s.io/dynamic-resource-allocation/structured"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// maxSelectors is how many compiled selectors are kept.
const maxSelectors = 10

// features are those of v1.36 that are on by default.
func features() structured.Features {
	return structured.Features{AdminAccess: true, ConsumableCapacity: true, DeviceTaints: true, PartitionableDevices: true, PrioritizedList: true}
}

// newAllocator is an allocator of the devices that are free now.
func (p *Plugin) newAllocator(ctx context.Context) (structured.Allocator, error) {
	slices := &resourcev1.ResourceSliceList{}
	if err := p.Client.List(ctx, slices); err != nil {
		return nil, fmt.Errorf("listing ResourceSlices: %w", err)
	}
	all := make([]*resourcev1.ResourceSlice, len(slices.Items))
	for i := range slices.Items {
		all[i] = &slices.Items[i]
	}
	taken, err := p.taken(ctx)
	if err != nil {
		return nil, err
	}
	return structured.NewAllocator(ctx, features(), taken, classes{ctx, p.Client}, all, p.selectors())
}

// selectors compiles selectors of devices; it is made when the first pod asks for any.
func (p *Plugin) selectors() *cel.Cache {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cache == nil {
		p.cache = cel.NewCache(maxSelectors, cel.Features{EnableConsumableCapacity: true})
	}
	return p.cache
}

// taken are the devices that claims have or are about to get.
func (p *Plugin) taken(ctx context.Context) (structured.AllocatedState, error) {
	state := structured.AllocatedState{
		AllocatedDevices: sets.New[structured.DeviceID](), AllocatedSharedDeviceIDs: sets.New[structured.SharedDeviceID](),
		AggregatedCapacity: structured.NewConsumedCapacityCollection(),
	}
	claims := &resourcev1.ResourceClaimList{}
	if err := p.Client.List(ctx, claims); err != nil {
		return state, fmt.Errorf("listing ResourceClaims: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	there := sets.New[types.UID]()
	for i := range claims.Items {
		there.Insert(claims.Items[i].UID)
		if claim, _ := p.viewLocked(&claims.Items[i]); claim.Status.Allocation != nil {
			take(state, claim.Status.Allocation)
		}
	}
	maps.DeleteFunc(p.assumed, func(uid types.UID, a assumption) bool { return a.by == "" && !there.Has(uid) })
	return state, nil
}

// take counts the devices of one claim. Access for administrators takes nothing from anybody.
func take(state structured.AllocatedState, allocation *resourcev1.AllocationResult) {
	for i := range allocation.Devices.Results {
		r := &allocation.Devices.Results[i]
		device := structured.MakeDeviceID(r.Driver, r.Pool, r.Device)
		switch {
		case ptr.Deref(r.AdminAccess, false):
		case r.ShareID == nil:
			state.AllocatedDevices.Insert(device)
		default:
			state.AllocatedSharedDeviceIDs.Insert(structured.MakeSharedDeviceID(device, r.ShareID))
			state.AggregatedCapacity.Insert(structured.NewDeviceConsumedCapacity(device, r.ConsumedCapacity))
		}
	}
}

// classes reads device classes for the allocator.
type classes struct {
	ctx    context.Context
	client client.Client
}

// List implements structured.DeviceClassLister.
func (c classes) List() ([]*resourcev1.DeviceClass, error) {
	found := &resourcev1.DeviceClassList{}
	if err := c.client.List(c.ctx, found); err != nil {
		return nil, fmt.Errorf("listing DeviceClasses: %w", err)
	}
	all := make([]*resourcev1.DeviceClass, len(found.Items))
	for i := range found.Items {
		all[i] = &found.Items[i]
	}
	return all, nil
}

// Get implements structured.DeviceClassLister.
func (c classes) Get(name string) (*resourcev1.DeviceClass, error) {
	class := &resourcev1.DeviceClass{}
	return class, c.client.Get(c.ctx, client.ObjectKey{Name: name}, class)
}

// Filter implements fwk.FilterPlugin.
func (p *Plugin) Filter(ctx context.Context, cycle fwk.CycleState, _ *corev1.Pod, info fwk.NodeInfo) *fwk.Status {
	n, node := read(cycle), info.Node()
	if n == nil {
		return nil
	}
	for _, claim := range n.claims {
		if selector := n.selectors[claim.UID]; selector != nil && !selector.Match(node) {
			n.mu.Lock()
			n.unavailable[claim.UID] = true
			n.mu.Unlock()
			return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "resourceclaim not available on the node")
		}
	}
	if n.allocator == nil {
		return nil
	}
	results, err := n.allocator.Allocate(ctx, node, n.open)
	switch {
	case errors.Is(err, structured.ErrFailedAllocationOnNode):
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, err.Error())
	case err != nil:
		return fwk.AsStatus(fmt.Errorf("allocating devices: %w", err))
	case results == nil:
		return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "cannot allocate all claims")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.chosen[node.Name] = results
	return nil
}
