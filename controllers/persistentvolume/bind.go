package persistentvolume

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/storage/volume"

	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// bind ties a claim and a volume together: first the volume, so that nobody else gets it, then the claim. What is done
// already is not done again, so a binding that was interrupted goes on where it stopped.
func (c *Claims) bind(ctx context.Context, claim *corev1.PersistentVolumeClaim, v *corev1.PersistentVolume) error {
	bound, dirty, err := volume.GetBindVolumeToClaim(v, claim)
	if err != nil {
		return fmt.Errorf("binding volume %s: %w", v.Name, err)
	}
	if dirty {
		if err := c.client.Update(ctx, bound); err != nil {
			return fmt.Errorf("binding volume %s: %w", v.Name, err)
		}
	}
	_, err = patch.Status(ctx, c.client, bound, func(v *corev1.PersistentVolume) { setVolumePhase(v, corev1.VolumeBound, "") })
	if err != nil {
		return err
	}
	changed, _, err := patch.Object(ctx, c.client, claim, func(claim *corev1.PersistentVolumeClaim) {
		if claim.Spec.VolumeName != v.Name {
			claim.Spec.VolumeName = v.Name
			setAnnotation(claim, volume.AnnBoundByController, "yes")
		}
		if !isBound(claim) {
			setAnnotation(claim, volume.AnnBindCompleted, "yes")
		}
	})
	if err != nil {
		return err
	}
	_, err = patch.Status(ctx, c.client, changed, func(claim *corev1.PersistentVolumeClaim) { fulfil(claim, v) })
	return err
}

// fulfil writes into a claim's status what it has got. The capacity is what the claim was given first; expansions change
// it later.
func fulfil(claim *corev1.PersistentVolumeClaim, v *corev1.PersistentVolume) {
	first := claim.Status.Phase != corev1.ClaimBound
	claim.Status.Phase = corev1.ClaimBound
	claim.Status.AccessModes = v.Spec.AccessModes
	capacity, ok := v.Spec.Capacity[corev1.ResourceStorage]
	if _, has := claim.Status.Capacity[corev1.ResourceStorage]; ok && (first || !has) {
		claim.Status.Capacity = corev1.ResourceList{corev1.ResourceStorage: capacity}
	}
	if class := v.Spec.VolumeAttributesClassName; first && class != nil && *class != "" {
		claim.Status.CurrentVolumeAttributesClassName = class
	}
}

func setVolumePhase(v *corev1.PersistentVolume, phase corev1.PersistentVolumePhase, message string) {
	v.Status.Phase, v.Status.Message = phase, message
}
