package resourceclaim

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Claims reconciles what claims are reserved for.
type Claims struct {
	Client client.Client
	Live   client.Reader // of pods, which the cache may not show yet
}

// Reconcile takes reservations away that nobody needs any more. With the last of them go the devices, and with these what has
// kept the claim from being deleted. A claim that the scheduler is about to allocate is left alone: it has neither.
func (c *Claims) Reconcile(ctx context.Context, claim *resourcev1.ResourceClaim) (reconcile.Result, error) {
	kept, err := c.kept(ctx, claim)
	if err != nil {
		return reconcile.Result{}, err
	}
	freed := len(kept) == 0 && len(claim.Status.ReservedFor) > 0 || len(kept) == 0 && claim.DeletionTimestamp != nil
	now := claim.DeepCopy()
	_, err = patch.Status(ctx, c.Client, now, func(changed *resourcev1.ResourceClaim) {
		changed.Status.ReservedFor = kept
		if freed {
			changed.Status.Allocation, changed.Status.Devices = nil, nil
		}
	})
	if err != nil || !freed {
		return patch.Result(reconcile.Result{}, err)
	}
	if slices.Contains(claim.Finalizers, resourcev1.Finalizer) {
		return patch.Result(reconcile.Result{}, c.release(ctx, claim))
	}
	return patch.Result(reconcile.Result{}, c.deleteOfFinished(ctx, claim))
}

// release lets the claim be deleted, and deletes that of a finished pod.
func (c *Claims) release(ctx context.Context, claim *resourcev1.ResourceClaim) error {
	fresh := &resourcev1.ResourceClaim{}
	if err := c.Live.Get(ctx, client.ObjectKeyFromObject(claim), fresh); err != nil {
		return fmt.Errorf("reading the claim %s: %w", claim.Name, err)
	}
	if fresh.UID != claim.UID || fresh.Status.Allocation != nil || len(fresh.Status.ReservedFor) > 0 {
		return nil // it has been allocated anew
	}
	err := patch.Metadata(ctx, c.Client, fresh, func(changed *resourcev1.ResourceClaim) {
		changed.Finalizers = slices.DeleteFunc(changed.Finalizers, func(f string) bool { return f == resourcev1.Finalizer })
	})
	if err != nil {
		return err
	}
	return c.deleteOfFinished(ctx, claim)
}

// deleteOfFinished deletes a claim that was made for a pod that has finished.
func (c *Claims) deleteOfFinished(ctx context.Context, claim *resourcev1.ResourceClaim) error {
	owner := metav1.GetControllerOf(claim)
	if owner == nil || owner.Kind != "Pod" || claim.DeletionTimestamp != nil {
		return nil
	}
	pod := &corev1.Pod{}
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: claim.Namespace, Name: owner.Name}, pod)
	if err != nil || pod.UID != owner.UID || !podcontrol.IsFinished(pod) {
		return client.IgnoreNotFound(err) // the garbage collector deletes what belongs to a pod that is gone
	}
	return c.Client.Delete(ctx, claim, client.Preconditions{UID: &claim.UID})
}

// kept are the reservations of those who may still use the claim.
func (c *Claims) kept(ctx context.Context, claim *resourcev1.ResourceClaim) ([]resourcev1.ResourceClaimConsumerReference, error) {
	var kept []resourcev1.ResourceClaimConsumerReference
	for _, user := range claim.Status.ReservedFor {
		if user.APIGroup != "" || user.Resource != "pods" {
			kept = append(kept, user)
			continue
		}
		needs, err := c.needs(ctx, claim.Namespace, user)
		if err != nil {
			return nil, err
		}
		if needs {
			kept = append(kept, user)
		}
	}
	return kept, nil
}

// needs says whether the pod is there and not finished. One that was deleted before it had a node never comes to need anything.
func (c *Claims) needs(ctx context.Context, namespace string, user resourcev1.ResourceClaimConsumerReference) (bool, error) {
	pod, key := &corev1.Pod{}, client.ObjectKey{Namespace: namespace, Name: user.Name}
	err := c.Client.Get(ctx, key, pod)
	if apierrors.IsNotFound(err) || err == nil && pod.UID != user.UID {
		err = c.Live.Get(ctx, key, pod)
	}
	switch {
	case apierrors.IsNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("reading the pod %s: %w", key, err)
	}
	return pod.UID == user.UID && !podcontrol.IsFinished(pod) && (pod.DeletionTimestamp == nil || pod.Spec.NodeName != ""), nil
}
