// Package dynamicresources gives pods the devices that their ResourceClaims ask for, or extended resources that DeviceClasses stand for: it refuses
// nodes that cannot have them, chooses devices with the structured allocator of k8s.io/dynamic-resource-allocation, and writes allocations and
// reservations. For extended resources it makes a claim of its own.
//
//	PreEnqueue: the claims of templates are made -> PreFilter: which claims are allocated, which open (claims.go), which
//	extended resources are meant (extended.go) -> Filter: devices on each node (allocate.go) -> Score: how good they are (score.go)
//	-> Reserve: nobody else gets these devices (ledger.go) -> PreBind: write it (bind.go, special.go), and wait until the devices
//	are ready (await.go); PostFilter gives devices back that keep the pod from every node
package dynamicresources

import (
	"context"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	"k8s.io/dynamic-resource-allocation/structured"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/scheduler/metrics"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/deviceclass"
)

// Name in configurations.
const Name = "DynamicResources"

// Plugin implements PreEnqueue, PreFilter, Filter, PostFilter, Score, Reserve and PreBind.
type Plugin struct {
	*Ledger
	Clock clock.PassiveClock
	// Handle of the profile, which tells of pods that wait for their devices.
	Handle  fwk.Handle
	Metrics *metrics.Metrics
	// FilterTimeout bounds the search for devices on one node; 0 for no bound.
	FilterTimeout time.Duration
	// BindingTimeout is how long a pod waits, once it has devices, until these are ready.
	BindingTimeout time.Duration
}

var (
	_ fwk.PreEnqueuePlugin  = &Plugin{}
	_ fwk.PreFilterPlugin   = &Plugin{}
	_ fwk.FilterPlugin      = &Plugin{}
	_ fwk.PostFilterPlugin  = &Plugin{}
	_ fwk.PreScorePlugin    = &Plugin{}
	_ fwk.ScorePlugin       = &Plugin{}
	_ fwk.ReservePlugin     = &Plugin{}
	_ fwk.PreBindPlugin     = &Plugin{}
	_ fwk.EnqueueExtensions = &Plugin{}
)

// needs are the claims of one pod, and which devices were chosen for them on each node.
type needs struct {
	claims    []*resourcev1.ResourceClaim
	open      []*resourcev1.ResourceClaim // of them, those that have no devices yet
	selectors map[types.UID]*nodeaffinity.NodeSelector
	broken    sets.Set[types.UID]  // allocated claims whose devices do not get ready
	allocator structured.Allocator // nil if nothing is open

	classes  deviceclass.Classes // that stand for extended resources of the pod
	extended *extended           // what it asks of them where no device plugin has any
	left     []*resourcev1.ResourceClaim

	mu          sync.Mutex
	reserved    []*resourcev1.ResourceClaim // that PreBind has written
	made        *resourcev1.ResourceClaim   // that PreBind has made for extended resources
	chosen      map[string]choice           // by node
	unavailable map[types.UID]bool          // allocated claims that some node cannot reach
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
	byClass, err := deviceclass.Of(ctx, p.Client, pod)
	if err != nil {
		return nil, fwk.AsStatus(err)
	}
	if len(pod.Spec.ResourceClaims) == 0 && len(byClass) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	n, status := p.claimsOf(ctx, pod)
	if !status.IsSuccess() {
		return nil, status
	}
	if len(byClass) > 0 {
		n.classes, n.extended = byClass, extendedRequests(pod, byClass)
		if n.left, err = p.leftBehind(ctx, pod); err != nil {
			return nil, fwk.AsStatus(err)
		}
	}
	if len(n.claims) == 0 && len(n.classes) == 0 {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	if len(n.open) > 0 || len(n.classes) > 0 {
		left := sets.New[types.UID]()
		for _, claim := range n.left {
			left.Insert(claim.UID)
		}
		if n.allocator, err = p.newAllocator(ctx, left); err != nil {
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
		return nil, fwk.NewStatus(fwk.Unschedulable, "no new claims to deallocate")
	}
	for _, claim := range n.claims {
		if !n.unavailable[claim.UID] || !onlyFor(pod, claim) {
			continue
		}
		changed := claim.DeepCopy()
		changed.Status.Allocation, changed.Status.ReservedFor, changed.Status.Devices = nil, nil, nil
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
