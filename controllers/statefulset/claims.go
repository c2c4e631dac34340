package statefulset

import (
	"context"
	"fmt"

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
			c.Recorder.Eventf(set, corev1.EventTypeWarning, "FailedCreate", "create %s failed error: %s", what, err)
			return fmt.Errorf("creating claim %s: %w", claim.Name, err)
		}
		c.Recorder.Eventf(set, corev1.EventTypeNormal, "SuccessfulCreate", "create %s success", what)
	}
	return nil
}

// condemnClaims gives the claims of a surplus pod to that pod, so that they go with it,
// if the set wants that.
func (c *Controller) condemnClaims(ctx context.Context, set *appsv1.StatefulSet, pod *corev1.Pod) error {
	if deleteWith(set).WhenScaled != appsv1.DeletePersistentVolumeClaimRetentionPolicyType {
		return nil
	}
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
		_, _, err := patch.Object(ctx, c.Client, claim, func(changed *corev1.PersistentVolumeClaim) {
			changed.OwnerReferences = []metav1.OwnerReference{{
				APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID,
				Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
			}}
		})
		if err != nil {
			return err
		}
	}
	return nil
}
