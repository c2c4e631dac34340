package dynamicresources

import (
	"context"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// assumption is a claim as it will be.
type assumption struct {
	claim *resourcev1.ResourceClaim
	// by is the pod that devices were chosen for, until they are written.
	by types.UID
}

// claimsOf reads the claims of a pod. A refusal says why it cannot go anywhere for now.
func (p *Plugin) claimsOf(ctx context.Context, pod *corev1.Pod) (*needs, *fwk.Status) {
	n := &needs{selectors: map[types.UID]*nodeaffinity.NodeSelector{}, chosen: map[string][]resourcev1.AllocationResult{}, unavailable: map[types.UID]bool{}}
	for i := range pod.Spec.ResourceClaims {
		name, owned, err := resourceclaim.Name(pod, &pod.Spec.ResourceClaims[i])
		if err != nil {
			return nil, unresolvable(err.Error())
		}
		if name == nil {
			continue // it was not needed
		}
		stored := &resourcev1.ResourceClaim{}
		if err := p.Client.Get(ctx, client.ObjectKey{Namespace: pod.Namespace, Name: *name}, stored); apierrors.IsNotFound(err) {
			return nil, unresolvable(err.Error())
		} else if err != nil {
			return nil, fwk.AsStatus(fmt.Errorf("reading the claim %s: %w", *name, err))
		}
		if owned {
			if err := resourceclaim.IsForPod(pod, stored, false); err != nil {
				return nil, unresolvable(err.Error())
			}
		}
		if status := p.sort(ctx, n, stored); !status.IsSuccess() {
			return nil, status
		}
	}
	return n, nil
}

func unresolvable(message string) *fwk.Status {
	return fwk.NewStatus(fwk.UnschedulableAndUnresolvable, message)
}

// sort puts a claim among those that are allocated or those that are open.
func (p *Plugin) sort(ctx context.Context, n *needs, stored *resourcev1.ResourceClaim) *fwk.Status {
	if stored.DeletionTimestamp != nil {
		return unresolvable(fmt.Sprintf("resourceclaim %q is being deleted", stored.Name))
	}
	claim, pending := p.view(stored)
	if pending {
		return fwk.NewStatus(fwk.Unschedulable, fmt.Sprintf("resourceclaim %s is in the process of being allocated", client.ObjectKeyFromObject(claim)))
	}
	n.claims = append(n.claims, claim)
	if claim.Status.Allocation == nil {
		n.open = append(n.open, claim)
		return p.checkClasses(ctx, claim)
	}
	if selector := claim.Status.Allocation.NodeSelector; selector != nil {
		parsed, err := nodeaffinity.NewNodeSelector(selector)
		if err != nil {
			return fwk.AsStatus(fmt.Errorf("reading the node selector of the claim %s: %w", claim.Name, err))
		}
		n.selectors[claim.UID] = parsed
	}
	return nil
}

// view is the claim as it is known to be or will be, and whether its devices are still to be written.
func (p *Plugin) view(stored *resourcev1.ResourceClaim) (claim *resourcev1.ResourceClaim, pending bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.viewLocked(stored)
}

func (p *Plugin) viewLocked(stored *resourcev1.ResourceClaim) (claim *resourcev1.ResourceClaim, pending bool) {
	a, ok := p.assumed[stored.UID]
	if !ok {
		return stored, false
	}
	if a.by == "" {
		if newer, err := resourceversion.CompareResourceVersion(stored.ResourceVersion, a.claim.ResourceVersion); err != nil || newer >= 0 {
			delete(p.assumed, stored.UID)
			return stored, false
		}
	}
	return a.claim, a.by != ""
}

// assume makes a claim look as it will be; by is the pod that this is for, or "" when it is written.
func (p *Plugin) assume(claim *resourcev1.ResourceClaim, by types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.assumed == nil {
		p.assumed = map[types.UID]assumption{}
	}
	p.assumed[claim.UID] = assumption{claim, by}
}

// forget ends what is assumed for a pod and not written.
func (p *Plugin) forget(pod types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	maps.DeleteFunc(p.assumed, func(_ types.UID, a assumption) bool { return a.by == pod })
}

// checkClasses says whether the device classes exist that the claim asks for.
func (p *Plugin) checkClasses(ctx context.Context, claim *resourcev1.ResourceClaim) *fwk.Status {
	check := func(request, class string) *fwk.Status {
		err := p.Client.Get(ctx, client.ObjectKey{Name: class}, &resourcev1.DeviceClass{})
		if apierrors.IsNotFound(err) {
			return unresolvable(fmt.Sprintf("request %s: device class %s does not exist", request, class))
		} else if err != nil {
			return fwk.AsStatus(fmt.Errorf("reading the device class %s: %w", class, err))
		}
		return nil
	}
	for i := range claim.Spec.Devices.Requests {
		request := &claim.Spec.Devices.Requests[i]
		if request.Exactly != nil {
			if status := check(request.Name, request.Exactly.DeviceClassName); !status.IsSuccess() {
				return status
			}
		}
		for j := range request.FirstAvailable {
			if status := check(request.Name+"/"+request.FirstAvailable[j].Name, request.FirstAvailable[j].DeviceClassName); !status.IsSuccess() {
				return status
			}
		}
	}
	return nil
}
