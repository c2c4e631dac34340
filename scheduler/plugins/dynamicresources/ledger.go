package dynamicresources

import (
	"context"
	"fmt"
	"maps"
	"sync"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/dynamic-resource-allocation/cel"
	"k8s.io/dynamic-resource-allocation/structured"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/bell"
)

// maxSelectors is how many compiled selectors are kept.
const maxSelectors = 10

// Ledger knows who has which devices, and who is about to get them. The plugins of all profiles share it.
type Ledger struct {
	// Client reads from informers and writes as the scheduler.
	Client client.Client
	// Informers tell those who wait of changes of claims.
	Informers cache.Informers

	mu      sync.Mutex
	assumed map[types.UID]assumption // what informers do not show yet, by the claims' UIDs
	cache   *cel.Cache               // of compiled selectors
	bell    bell.Bell                // rings when a claim changes, from the first pod that waits on
}

// assumption is a claim as it will be.
type assumption struct {
	claim *resourcev1.ResourceClaim
	// by is the pod that devices were chosen for, until they are written.
	by types.UID
	// made says that the scheduler makes the claim itself, so that informers do not know it at first.
	made bool
}

// Close ends what the ledger listens to.
func (l *Ledger) Close() { l.bell.Close() }

// view is the claim as it is known to be or will be, and whether its devices are still to be written.
func (l *Ledger) view(stored *resourcev1.ResourceClaim) (claim *resourcev1.ResourceClaim, pending bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.viewLocked(stored)
}

func (l *Ledger) viewLocked(stored *resourcev1.ResourceClaim) (claim *resourcev1.ResourceClaim, pending bool) {
	a, ok := l.assumed[stored.UID]
	if !ok {
		return stored, false
	}
	if a.by == "" {
		if newer, err := resourceversion.CompareResourceVersion(stored.ResourceVersion, a.claim.ResourceVersion); err != nil || newer >= 0 {
			delete(l.assumed, stored.UID)
			return stored, false
		}
	}
	return a.claim, a.by != ""
}

// assume makes a claim look as it will be.
func (l *Ledger) assume(a assumption) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.assumed == nil {
		l.assumed = map[types.UID]assumption{}
	}
	l.assumed[a.claim.UID] = a
}

// written ends what was assumed for a pod: the claim is written so, which informers may not show yet.
func (l *Ledger) written(claim *resourcev1.ResourceClaim) { l.assume(assumption{claim: claim}) }

// drop forgets a claim.
func (l *Ledger) drop(uid types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.assumed, uid)
}

// forget ends what is assumed for a pod and not written.
func (l *Ledger) forget(pod types.UID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.assumed, func(_ types.UID, a assumption) bool { return a.by == pod })
}

// slices of all devices.
func (l *Ledger) slices(ctx context.Context) ([]*resourcev1.ResourceSlice, error) {
	slices := &resourcev1.ResourceSliceList{}
	if err := l.Client.List(ctx, slices); err != nil {
		return nil, fmt.Errorf("listing ResourceSlices: %w", err)
	}
	all := make([]*resourcev1.ResourceSlice, len(slices.Items))
	for i := range slices.Items {
		all[i] = &slices.Items[i]
	}
	return all, nil
}

// newAllocator is an allocator of the devices that are free now. What claims have that were left behind is free.
func (l *Ledger) newAllocator(ctx context.Context, left sets.Set[types.UID]) (structured.Allocator, error) {
	all, err := l.slices(ctx)
	if err != nil {
		return nil, err
	}
	taken, err := l.taken(ctx, left)
	if err != nil {
		return nil, err
	}
	return structured.NewAllocator(ctx, features(), taken, classes{ctx, l.Client}, all, l.selectors())
}

// selectors compiles selectors of devices; it is made when the first pod asks for any.
func (l *Ledger) selectors() *cel.Cache {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.cache == nil {
		l.cache = cel.NewCache(maxSelectors, cel.Features{EnableConsumableCapacity: true})
	}
	return l.cache
}

// taken are the devices that claims have or are about to get.
func (l *Ledger) taken(ctx context.Context, left sets.Set[types.UID]) (structured.AllocatedState, error) {
	state := structured.AllocatedState{
		AllocatedDevices: sets.New[structured.DeviceID](), AllocatedSharedDeviceIDs: sets.New[structured.SharedDeviceID](),
		AggregatedCapacity: structured.NewConsumedCapacityCollection(),
	}
	claims := &resourcev1.ResourceClaimList{}
	if err := l.Client.List(ctx, claims); err != nil {
		return state, fmt.Errorf("listing ResourceClaims: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	there := sets.New[types.UID]()
	for i := range claims.Items {
		there.Insert(claims.Items[i].UID)
		if claim, _ := l.viewLocked(&claims.Items[i]); claim.Status.Allocation != nil && !left.Has(claim.UID) {
			take(state, claim.Status.Allocation)
		}
	}
	for uid, a := range l.assumed {
		switch {
		case there.Has(uid):
		case a.made && (a.by != "" || l.lives(ctx, a.claim)):
			take(state, a.claim.Status.Allocation)
		case a.by == "":
			delete(l.assumed, uid)
		}
	}
	return state, nil
}

// lives says whether there is still the pod that a claim was made for: if so, informers do not show the claim yet.
func (l *Ledger) lives(ctx context.Context, claim *resourcev1.ResourceClaim) bool {
	owner, pod := metav1.GetControllerOf(claim), &corev1.Pod{}
	err := l.Client.Get(ctx, client.ObjectKey{Namespace: claim.Namespace, Name: owner.Name}, pod)
	return err == nil && pod.UID == owner.UID && pod.Status.Phase != corev1.PodSucceeded && pod.Status.Phase != corev1.PodFailed
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
