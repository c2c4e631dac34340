package dynamicresources

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// Reserve implements fwk.ReservePlugin: from now on nobody else is given the devices.
func (p *Plugin) Reserve(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	n := read(cycle)
	if n == nil || len(n.open) == 0 {
		return nil
	}
	n.mu.Lock()
	results := n.chosen[node]
	n.mu.Unlock()
	if len(results) != len(n.open) {
		return fwk.AsStatus(fmt.Errorf("%d claims have no devices, and devices for %d were chosen on %s", len(n.open), len(results), node))
	}
	for i, claim := range n.open {
		expected := claim.DeepCopy()
		expected.Status.Allocation = results[i].DeepCopy()
		p.assume(expected, pod.UID)
	}
	return nil
}

// Unreserve implements fwk.ReservePlugin. Of what PreBind has written the reservation is taken back, for others may use the claim;
// its devices stay, and the next attempt, or PostFilter, sees to them.
func (p *Plugin) Unreserve(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ string) {
	n := read(cycle)
	if n == nil {
		return
	}
	p.forget(pod.UID)
	n.mu.Lock()
	reserved := n.reserved
	n.reserved = nil
	n.mu.Unlock()
	for _, claim := range reserved {
		patch := fmt.Appendf(nil, `{"metadata":{"uid":%q},"status":{"reservedFor":[{"$patch":"delete","uid":%q}]}}`, claim.UID, pod.UID)
		now := claim.DeepCopy()
		err := p.Client.Status().Patch(ctx, now, client.RawPatch(types.StrategicMergePatchType, patch))
		if err == nil {
			p.assume(now, "") // what PreBind assumed says that the pod has it
		} else if client.IgnoreNotFound(err) != nil && ctx.Err() == nil {
			log.FromContext(ctx).Error(err, "Taking a claim's reservation back failed", "claim", client.ObjectKeyFromObject(claim), "pod", client.ObjectKeyFromObject(pod))
		}
	}
}

// PreBindPreFlight implements fwk.PreBindPlugin.
func (*Plugin) PreBindPreFlight(_ context.Context, cycle fwk.CycleState, _ *corev1.Pod, _ string) (*fwk.PreBindPreFlightResult, *fwk.Status) {
	if read(cycle) == nil {
		return nil, fwk.NewStatus(fwk.Skip)
	}
	return nil, nil
}

// PreBind implements fwk.PreBindPlugin: it writes who has which devices.
func (p *Plugin) PreBind(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	n := read(cycle)
	if n == nil {
		return nil
	}
	n.mu.Lock()
	results := n.chosen[node]
	n.mu.Unlock()
	for _, claim := range n.claims {
		var allocation *resourcev1.AllocationResult
		if at := slices.Index(n.open, claim); at >= 0 {
			allocation = &results[at]
		} else if resourceclaim.IsReservedForPod(pod, claim, false) {
			continue
		} else {
			claim, _ = p.view(claim) // somebody else may have reserved it since
		}
		if err := p.write(ctx, pod, claim, allocation); err != nil {
			return fwk.AsStatus(fmt.Errorf("reserving the claim %s: %w", claim.Name, err))
		}
		n.mu.Lock()
		n.reserved = append(n.reserved, claim)
		n.mu.Unlock()
	}
	return nil
}

// write reserves a claim for the pod, and if allocation is not nil gives it these devices.
func (p *Plugin) write(ctx context.Context, pod *corev1.Pod, claim *resourcev1.ResourceClaim, allocation *resourcev1.AllocationResult) error {
	now := claim.DeepCopy()
	if allocation != nil && !slices.Contains(now.Finalizers, resourcev1.Finalizer) {
		before := now.DeepCopy()
		now.Finalizers = append(now.Finalizers, resourcev1.Finalizer)
		if err := p.Client.Patch(ctx, now, locked(before)); err != nil {
			return err
		}
	}
	before := now.DeepCopy()
	if allocation != nil {
		now.Status.Allocation = allocation.DeepCopy()
	}
	now.Status.ReservedFor = append(now.Status.ReservedFor, resourcev1.ResourceClaimConsumerReference{Resource: "pods", Name: pod.Name, UID: pod.UID})
	if err := p.Client.Status().Patch(ctx, now, locked(before)); err != nil {
		return err
	}
	p.assume(now, "")
	return nil
}

// locked is a patch of what has changed since, which fails if somebody else has changed it meanwhile.
func locked(since client.Object) client.Patch {
	return client.MergeFromWithOptions(since, client.MergeFromWithOptimisticLock{})
}
