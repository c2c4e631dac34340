package statefulset

import (
	"context"
	"fmt"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// ensureClaims creates the claims of an ordinal that do not exist. One that is being deleted cannot serve another pod: it is waited for.
func (c *Controller) ensureClaims(ctx context.Context, owner podcontrol.Owner, set *appsv1.StatefulSet, ordinal int) error {
	var errs []error
	for _, claim := range claimsFor(owner, set, ordinal) {
		errs = append(errs, c.ensureClaim(ctx, set, ordinal, claim))
	}
	return utilerrors.NewAggregate(errs)
}

func (c *Controller) ensureClaim(ctx context.Context, set *appsv1.StatefulSet, ordinal int, claim *corev1.PersistentVolumeClaim) error {
	have := &corev1.PersistentVolumeClaim{}
	err := c.Client.Get(ctx, client.ObjectKeyFromObject(claim), have)
	switch {
	case err == nil && have.DeletionTimestamp != nil:
		return fmt.Errorf("pvc %s is being deleted", claim.Name)
	case err == nil:
		return nil
	case !apierrors.IsNotFound(err):
		return fmt.Errorf("failed to retrieve PVC %s: %w", claim.Name, err)
	}
	err = c.Client.Create(ctx, claim)
	what := fmt.Sprintf("Claim %s Pod %s in StatefulSet %s", claim.Name, podName(set, ordinal), set.Name)
	switch {
	case apierrors.IsAlreadyExists(err):
		return nil
	case err != nil:
		c.Recorder.Eventf(set, corev1.EventTypeWarning, "FailedCreate", "Create %s failed error: %s", what, err)
		return fmt.Errorf("failed to create PVC %s: %w", claim.Name, err)
	}
	c.Recorder.Eventf(set, corev1.EventTypeNormal, "SuccessfulCreate", "Create %s success", what)
	return nil
}

// staleClaims says whether a claim of an ordinal goes with a pod of that name that is gone: the collector takes it, and then there is another;
// or, of one that somebody else owns too, the reference.
func (c *Controller) staleClaims(ctx context.Context, set *appsv1.StatefulSet, ordinal int) (bool, error) {
	if deleteWith(set).WhenScaled != appsv1.DeletePersistentVolumeClaimRetentionPolicyType {
		return false, nil
	}
	for i := range set.Spec.VolumeClaimTemplates {
		claim := &corev1.PersistentVolumeClaim{}
		key := client.ObjectKey{Namespace: set.Namespace, Name: claimName(set, &set.Spec.VolumeClaimTemplates[i], ordinal)}
		if err := c.Client.Get(ctx, key, claim); client.IgnoreNotFound(err) != nil {
			return false, fmt.Errorf("reading claim %s: %w", key.Name, err)
		}
		if slices.ContainsFunc(claim.OwnerReferences, func(ref metav1.OwnerReference) bool {
			return ref.APIVersion == "v1" && ref.Kind == "Pod" && ref.Name == podName(set, ordinal)
		}) {
			return true, nil
		}
	}
	return false, nil
}

// claiming names the sets whose pod a claim is for.
func claiming(informers cache.Informers) handler.MapFunc {
	inNamespace := kit.InNamespace(informers, &appsv1.StatefulSet{})
	return func(ctx context.Context, claim client.Object) []reconcile.Request {
		var all []reconcile.Request
		inNamespace(ctx, claim.GetNamespace(), func(set *appsv1.StatefulSet) {
			if slices.ContainsFunc(set.Spec.VolumeClaimTemplates, func(template corev1.PersistentVolumeClaim) bool {
				_, is := ordinalIn(template.Name+"-"+set.Name, claim.GetName())
				return is
			}) {
				all = append(all, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(set)})
			}
		})
		return all
	}
}

// ownClaims gives the claims of a pod to who they are to go with: to the pod if it is surplus, else to the set, or to nobody. It says whether
// that changed any.
func (c *Controller) ownClaims(ctx context.Context, owner podcontrol.Owner, set *appsv1.StatefulSet, pod *corev1.Pod, surplus bool) (changed bool, err error) {
	ordinal, _ := ordinalOf(set, pod)
	for i := range set.Spec.VolumeClaimTemplates {
		claim := &corev1.PersistentVolumeClaim{}
		key := client.ObjectKey{Namespace: set.Namespace, Name: claimName(set, &set.Spec.VolumeClaimTemplates[i], ordinal)}
		if err := c.Client.Get(ctx, key, claim); err != nil {
			if apierrors.IsNotFound(err) {
				continue
			}
			return changed, fmt.Errorf("reading claim %s: %w", key.Name, err)
		}
		wanted, another := claimOwners(claim.OwnerReferences, owner.Reference(), podReference(pod), deleteWith(set), surplus)
		if another { // in upstream's words, to the letter
			c.Recorder.Eventf(set, corev1.EventTypeWarning, "ConflictingController",
				"PersistentVolumeClaim %s has a conflicting OwnerReference that acts as a manging controller, the retention policy is ignored for this claim", claim.Name)
		}
		_, wrote, err := patch.Object(ctx, c.Client, claim, func(changed *corev1.PersistentVolumeClaim) { changed.OwnerReferences = wanted })
		if changed = changed || wrote; err != nil {
			return changed, err
		}
	}
	return changed, nil
}

func podReference(pod *corev1.Pod) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: "v1", Kind: "Pod", Name: pod.Name, UID: pod.UID, Controller: ptr.To(true), BlockOwnerDeletion: ptr.To(true),
	}
}

// claimOwners returns the owners that a claim should have. One that is to be deleted one day and that something else controls stays as it is.
func claimOwners(have []metav1.OwnerReference, set, pod metav1.OwnerReference, with appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy, surplus bool) (wanted []metav1.OwnerReference, another bool) {
	const remove = appsv1.DeletePersistentVolumeClaimRetentionPolicyType
	var owner *metav1.OwnerReference
	switch {
	case surplus && with.WhenScaled == remove:
		owner = &pod
	case with.WhenDeleted == remove:
		owner = &set
	}
	others := slices.DeleteFunc(slices.Clone(have), func(ref metav1.OwnerReference) bool { return ref.UID == set.UID || ref.UID == pod.UID })
	controlled := slices.ContainsFunc(others, func(ref metav1.OwnerReference) bool { return ptr.Deref(ref.Controller, false) })
	switch {
	case controlled && (with.WhenScaled == remove || with.WhenDeleted == remove):
		return have, true
	case owner == nil:
		return others, false
	case slices.ContainsFunc(have, func(ref metav1.OwnerReference) bool { return ref.UID == owner.UID }) && len(have) == len(others)+1:
		return have, false
	}
	return append(others, *owner), false
}
