package statefulset

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// ensureClaims creates the claims of an ordinal that do not exist.
func (c *Controller) ensureClaims(ctx context.Context, owner podcontrol.Owner, set *appsv1.StatefulSet, ordinal int) error {
	for _, claim := range claimsFor(owner, set, ordinal) {
		err := c.Client.Get(ctx, client.ObjectKeyFromObject(claim), &corev1.PersistentVolumeClaim{})
		if err == nil {
			continue
		}
		if !apierrors.IsNotFound(err) {
			return fmt.Errorf("reading claim %s: %w", claim.Name, err)
		}
		err = c.Client.Create(ctx, claim)
		if apierrors.IsAlreadyExists(err) {
			continue
		}
		what := fmt.Sprintf("Claim %s Pod %s in StatefulSet %s", claim.Name, podName(set, ordinal), set.Name)
		if err != nil {
			c.Recorder.Eventf(set, corev1.EventTypeWarning, "FailedCreate", "Create %s failed error: %s", what, err)
			return fmt.Errorf("creating claim %s: %w", claim.Name, err)
		}
		c.Recorder.Eventf(set, corev1.EventTypeNormal, "SuccessfulCreate", "Create %s success", what)
	}
	return nil
}

// ownClaims gives the claims of a pod to who they are to go with: to the pod if it is surplus, else to the set, or to nobody.
func (c *Controller) ownClaims(ctx context.Context, owner podcontrol.Owner, set *appsv1.StatefulSet, pod *corev1.Pod, surplus bool) error {
	ordinal, _ := ordinalOf(set, pod)
	for i := range set.Spec.VolumeClaimTemplates {
		claim := &corev1.PersistentVolumeClaim{}
		key := client.ObjectKey{Namespace: set.Namespace, Name: claimName(set, &set.Spec.VolumeClaimTemplates[i], ordinal)}
		if err := c.Client.Get(ctx, key, claim); err != nil {
			if apierrors.IsNotFound(err) {
				continue
			}
			return fmt.Errorf("reading claim %s: %w", key.Name, err)
		}
		wanted := claimOwners(claim.OwnerReferences, owner.Reference(), podReference(pod), deleteWith(set), surplus)
		_, _, err := patch.Object(ctx, c.Client, claim, func(changed *corev1.PersistentVolumeClaim) { changed.OwnerReferences = wanted })
		if err != nil {
			return err
		}
	}
	return nil
}

func podReference(pod *corev1.Pod) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID, Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
	}
}

// claimOwners returns the owners that a claim should have. One that something else controls stays as it is.
func claimOwners(have []metav1.OwnerReference, set, pod metav1.OwnerReference, with appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy, surplus bool) []metav1.OwnerReference {
	var wanted *metav1.OwnerReference
	switch {
	case surplus && with.WhenScaled == appsv1.DeletePersistentVolumeClaimRetentionPolicyType:
		wanted = &pod
	case with.WhenDeleted == appsv1.DeletePersistentVolumeClaimRetentionPolicyType:
		wanted = &set
	}
	others := slices.DeleteFunc(slices.Clone(have), func(ref metav1.OwnerReference) bool { return ref.UID == set.UID || ref.UID == pod.UID })
	switch {
	case slices.ContainsFunc(others, func(ref metav1.OwnerReference) bool { return ptr.Deref(ref.Controller, false) }):
		return have
	case wanted == nil:
		return others
	case slices.ContainsFunc(have, func(ref metav1.OwnerReference) bool { return ref.UID == wanted.UID }) && len(have) == len(others)+1:
		return have
	}
	return append(others, *wanted)
}
