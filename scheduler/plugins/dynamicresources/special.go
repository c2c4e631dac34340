package dynamicresources

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// leftBehind are claims for extended resources of the pod, made by an attempt that ended before it could delete them. They count for
// nothing, and go before another is made.
func (p *Plugin) leftBehind(ctx context.Context, pod *corev1.Pod) ([]*resourcev1.ResourceClaim, error) {
	found := &resourcev1.ResourceClaimList{}
	if err := p.Client.List(ctx, found, client.InNamespace(pod.Namespace)); err != nil {
		return nil, fmt.Errorf("listing ResourceClaims: %w", err)
	}
	var left []*resourcev1.ResourceClaim
	for i := range found.Items {
		if claim := &found.Items[i]; claim.Annotations[resourcev1.ExtendedResourceClaimAnnotation] == "true" && metav1.IsControlledBy(claim, pod) {
			left = append(left, claim)
		}
	}
	return left, nil
}

// makeSpecial makes the claim for the pod's extended resources, gives it the devices that were chosen, and tells the kubelet by the pod's status.
func (p *Plugin) makeSpecial(ctx context.Context, n *needs, pod *corev1.Pod, e *extended, allocation *resourcev1.AllocationResult) error {
	for _, claim := range n.left {
		if err := p.remove(ctx, claim); err != nil {
			return fmt.Errorf("deleting the claim %s: %w", claim.Name, err)
		}
	}
	owner := metav1.NewControllerRef(pod, corev1.SchemeGroupVersion.WithKind("Pod"))
	owner.BlockOwnerDeletion = nil
	claim := n.special(pod, e)
	before := claim.UID
	claim.ObjectMeta = metav1.ObjectMeta{
		Namespace: pod.Namespace, GenerateName: pod.Name + "-extended-resources-", Finalizers: []string{resourcev1.Finalizer},
		Annotations: map[string]string{resourcev1.ExtendedResourceClaimAnnotation: "true"}, OwnerReferences: []metav1.OwnerReference{*owner},
	}
	if err := p.Client.Create(ctx, claim); err != nil {
		return fmt.Errorf("creating the claim for extended resources: %w", err)
	}
	n.mu.Lock()
	n.made = claim
	n.mu.Unlock()
	expected := claim.DeepCopy()
	expected.Status.Allocation = allocation.DeepCopy()
	p.assume(assumption{claim: expected, by: pod.UID, made: true})
	p.drop(before)
	now, err := p.write(ctx, pod, claim, allocation)
	if err != nil {
		return fmt.Errorf("reserving the claim %s: %w", claim.Name, err)
	}
	p.assume(assumption{claim: now, made: true})
	changed := pod.DeepCopy()
	changed.Status.ExtendedResourceClaimStatus = &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: claim.Name, RequestMappings: e.mappings}
	if err := p.Client.Status().Patch(ctx, changed, client.StrategicMergeFrom(pod)); err != nil {
		return fmt.Errorf("updating the pod's extendedResourceClaimStatus: %w", err)
	}
	return nil
}

// remove deletes a claim that was made for extended resources, and that nobody uses.
func (p *Plugin) remove(ctx context.Context, claim *resourcev1.ResourceClaim) error {
	p.drop(claim.UID)
	if at := slices.Index(claim.Finalizers, resourcev1.Finalizer); at >= 0 {
		patch := fmt.Appendf(nil, `[{"op":"test","path":"/metadata/uid","value":%q},{"op":"test","path":"/metadata/finalizers/%d","value":%q},{"op":"remove","path":"/metadata/finalizers/%d"}]`,
			claim.UID, at, resourcev1.Finalizer, at)
		if err := p.Client.Patch(ctx, claim.DeepCopy(), client.RawPatch("application/json-patch+json", patch)); err != nil {
			return client.IgnoreNotFound(err)
		}
	}
	return client.IgnoreNotFound(p.Client.Delete(ctx, claim, client.Preconditions{UID: &claim.UID}))
}
