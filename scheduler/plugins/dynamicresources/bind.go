package dynamicresources

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

// choiceOn is what was chosen on a node.
func (n *needs) choiceOn(node string) choice {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.chosen[node]
}

// Reserve implements fwk.ReservePlugin: from now on nobody else is given the devices.
func (p *Plugin) Reserve(_ context.Context, cycle fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	n := read(cycle)
	if n == nil {
		return nil
	}
	chosen, open := n.choiceOn(node), n.open
	if chosen.extended != nil {
		open = append(slices.Clone(open), n.special(pod, chosen.extended))
	}
	if len(chosen.results) != len(open) {
		return fwk.AsStatus(fmt.Errorf("%d claims have no devices, and devices for %d were chosen on %s", len(open), len(chosen.results), node))
	}
	for i, claim := range open {
		expected := claim.DeepCopy()
		expected.Status.Allocation = chosen.results[i].DeepCopy()
		p.assume(assumption{claim: expected, by: pod.UID, made: i >= len(n.open)})
	}
	return nil
}

// Unreserve implements fwk.ReservePlugin. Of what PreBind has written the reservation is taken back, for others may use the claim;
// its devices stay, and the next attempt, or PostFilter, sees to them. A claim that was made for extended resources goes.
func (p *Plugin) Unreserve(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, _ string) {
	n := read(cycle)
	if n == nil {
		return
	}
	p.forget(pod.UID)
	n.mu.Lock()
	reserved, made := n.reserved, n.made
	n.reserved, n.made = nil, nil
	n.mu.Unlock()
	logger := log.FromContext(ctx).WithValues("pod", client.ObjectKeyFromObject(pod))
	for _, claim := range reserved {
		patch := fmt.Appendf(nil, `{"metadata":{"uid":%q},"status":{"reservedFor":[{"$patch":"delete","uid":%q}]}}`, claim.UID, pod.UID)
		now := claim.DeepCopy()
		err := p.Client.Status().Patch(ctx, now, client.RawPatch(types.StrategicMergePatchType, patch))
		if err == nil {
			p.written(now) // what PreBind assumed says that the pod has it
		} else if client.IgnoreNotFound(err) != nil && ctx.Err() == nil {
			logger.Error(err, "Taking a claim's reservation back failed", "claim", client.ObjectKeyFromObject(claim))
		}
	}
	if made != nil {
		if err := p.remove(ctx, made); err != nil && ctx.Err() == nil {
			logger.Error(err, "Deleting a claim for extended resources failed", "claim", client.ObjectKeyFromObject(made))
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

// PreBind implements fwk.PreBindPlugin: it writes who has which devices, and waits until these are ready.
func (p *Plugin) PreBind(ctx context.Context, cycle fwk.CycleState, pod *corev1.Pod, node string) *fwk.Status {
	n := read(cycle)
	if n == nil {
		return nil
	}
	chosen := n.choiceOn(node)
	for _, claim := range n.claims {
		var allocation *resourcev1.AllocationResult
		if at := slices.Index(n.open, claim); at >= 0 {
			allocation = &chosen.results[at]
		} else if resourceclaim.IsReservedForPod(pod, claim, false) {
			continue
		} else {
			claim, _ = p.view(claim) // somebody else may have reserved it since
		}
		now, err := p.write(ctx, pod, claim, allocation)
		if err != nil {
			return fwk.AsStatus(fmt.Errorf("reserving the claim %s: %w", claim.Name, err))
		}
		p.written(now)
		n.mu.Lock()
		n.reserved = append(n.reserved, claim)
		n.mu.Unlock()
	}
	if chosen.extended != nil {
		if err := p.makeSpecial(ctx, n, pod, chosen.extended, &chosen.results[len(n.open)]); err != nil {
			return fwk.AsStatus(err)
		}
	}
	return p.await(ctx, n, pod, node)
}

// write reserves a claim for the pod, and if allocation is not nil gives it these devices. It returns the claim as it is then.
func (p *Plugin) write(ctx context.Context, pod *corev1.Pod, claim *resourcev1.ResourceClaim, allocation *resourcev1.AllocationResult) (*resourcev1.ResourceClaim, error) {
	now := claim.DeepCopy()
	if allocation != nil && !slices.Contains(now.Finalizers, resourcev1.Finalizer) {
		before := now.DeepCopy()
		now.Finalizers = append(now.Finalizers, resourcev1.Finalizer)
		if err := p.Client.Patch(ctx, now, locked(before)); err != nil {
			return nil, err
		}
	}
	before := now.DeepCopy()
	if allocation != nil {
		now.Status.Allocation = allocation.DeepCopy()
		at := metav1.NewTime(p.Clock.Now())
		now.Status.Allocation.AllocationTimestamp = &at
	}
	now.Status.ReservedFor = append(now.Status.ReservedFor, resourcev1.ResourceClaimConsumerReference{Resource: "pods", Name: pod.Name, UID: pod.UID})
	if err := p.Client.Status().Patch(ctx, now, locked(before)); err != nil {
		return nil, err
	}
	return now, nil
}

// locked is a patch of what has changed since, which fails if somebody else has changed it meanwhile.
func locked(since client.Object) client.Patch {
	return client.MergeFromWithOptions(since, client.MergeFromWithOptimisticLock{})
}
