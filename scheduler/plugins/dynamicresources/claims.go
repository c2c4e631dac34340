package dynamicresources

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/dynamic-resource-allocation/resourceclaim"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// claimsOf reads the claims of a pod. A refusal says why it cannot go anywhere for now.
func (p *Plugin) claimsOf(ctx context.Context, pod *corev1.Pod) (*needs, *fwk.Status) {
	n := &needs{selectors: map[types.UID]*nodeaffinity.NodeSelector{}, chosen: map[string]choice{}, broken: sets.New[types.UID](), unavailable: map[types.UID]bool{}}
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
	if p.isBroken(claim) {
		n.broken.Insert(claim.UID)
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
