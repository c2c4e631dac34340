package persistentvolume

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/component-helpers/storage/volume"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Volumes reconciles PersistentVolume objects.
type Volumes struct{ *binder }

// Reconcile says what a volume is to its claim, and reclaims it when that is gone.
func (c *Volumes) Reconcile(ctx context.Context, v *corev1.PersistentVolume) (reconcile.Result, error) {
	if wrote, err := migrate(ctx, c.client, v); wrote || err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	if v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimRecycle || v.Spec.ClaimRef == nil {
		c.teller.leave(v.UID) // it is not emptied any more, or need not be
	}
	wait, err := c.reconcile(ctx, v)
	return patch.Result(kit.After(wait), err)
}

// reconcile says how long a volume that could not be emptied or deleted is left alone.
func (c *Volumes) reconcile(ctx context.Context, v *corev1.PersistentVolume) (time.Duration, error) {
	if v.Spec.ClaimRef == nil || v.Spec.ClaimRef.UID == "" {
		return 0, c.setPhase(ctx, v, corev1.VolumeAvailable, "") // free, or kept for a claim that is to come
	}
	claim, err := c.claim(ctx, v)
	switch {
	case err != nil:
		return 0, err
	case claim == nil:
		return c.release(ctx, v)
	case claim.Spec.VolumeName == "", claim.Spec.VolumeName == v.Name && claim.Status.Phase == corev1.ClaimPending:
		return 0, nil // the claim is woken by this volume, too, and completes the binding: both would write the same
	case claim.Spec.VolumeName == v.Name:
		return 0, c.confirm(ctx, v)
	}
	if provisioned(v) && v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimDelete {
		return c.release(ctx, v) // it was made for a claim that has another by now
	}
	return 0, c.unbind(ctx, v)
}

// claim returns the claim that the volume is bound to, or nil if it is gone.
func (c *Volumes) claim(ctx context.Context, v *corev1.PersistentVolume) (*corev1.PersistentVolumeClaim, error) {
	for _, reader := range []client.Reader{c.client, c.live} {
		var claim corev1.PersistentVolumeClaim
		err := reader.Get(ctx, claimKey(v), &claim)
		if err == nil && claim.UID == v.Spec.ClaimRef.UID {
			return &claim, nil
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return nil, fmt.Errorf("reading claim %s: %w", claimKey(v), err)
		}
	}
	return nil, nil
}

func provisioned(v *corev1.PersistentVolume) bool {
	_, ok := v.Annotations[volume.AnnDynamicallyProvisioned]
	return ok
}

// unbind frees a volume whose claim has another one. A reference that a user has made stays, without the claim's UID.
func (c *Volumes) unbind(ctx context.Context, v *corev1.PersistentVolume) error {
	changed, _, err := patch.Object(ctx, c.client, v, func(v *corev1.PersistentVolume) {
		if _, ours := v.Annotations[volume.AnnBoundByController]; ours {
			v.Spec.ClaimRef = nil
			delete(v.Annotations, volume.AnnBoundByController)
			return
		}
		v.Spec.ClaimRef.UID = ""
	})
	if err != nil {
		return err
	}
	return c.setPhase(ctx, changed, corev1.VolumeAvailable, "")
}

// release marks a volume whose claim is gone, and follows its reclaim policy.
func (c *Volumes) release(ctx context.Context, v *corev1.PersistentVolume) (time.Duration, error) {
	failed := v.Status.Phase == corev1.VolumeFailed
	if v.Status.Phase != corev1.VolumeReleased && !failed {
		return 0, c.setPhase(ctx, v, corev1.VolumeReleased, "") // the changed volume wakes us
	}
	switch v.Spec.PersistentVolumeReclaimPolicy {
	case corev1.PersistentVolumeReclaimDelete:
		return c.delete(ctx, v)
	case corev1.PersistentVolumeReclaimRecycle:
		if failed && recycler(v, &c.recycling) == nil {
			return 0, nil
		}
		if wait := c.retries.wait(v.UID, c.clock.Now()); wait > 0 {
			return wait, nil
		}
		err := c.recycle(ctx, v)
		return max(c.retries.wait(v.UID, c.clock.Now()), 0), err
	}
	return 0, nil
}

// fail says that a volume could not be reclaimed: once, however often it is tried.
func (c *Volumes) fail(ctx context.Context, v *corev1.PersistentVolume, reason, message string) error {
	if v.Status.Phase == corev1.VolumeFailed {
		return nil
	}
	if err := c.setPhase(ctx, v, corev1.VolumeFailed, message); err != nil {
		return err
	}
	c.recorder.Event(v, corev1.EventTypeWarning, reason, message)
	return nil
}

// confirm says of a volume that it is bound, where that was lost. Whoever bound the claim has said so before: the cache may show the claim first.
func (c *Volumes) confirm(ctx context.Context, v *corev1.PersistentVolume) error {
	if v.Status.Phase == corev1.VolumeBound {
		return nil
	}
	now := &corev1.PersistentVolume{}
	if err := c.live.Get(ctx, client.ObjectKeyFromObject(v), now); err != nil {
		return client.IgnoreNotFound(err)
	}
	return c.setPhase(ctx, now, corev1.VolumeBound, "")
}

func (c *Volumes) setPhase(ctx context.Context, v *corev1.PersistentVolume, phase corev1.PersistentVolumePhase, message string) error {
	if v.Status.Phase == phase {
		return nil
	}
	_, err := patch.Status(ctx, c.client, v, func(v *corev1.PersistentVolume) { setVolumePhase(v, phase, message) })
	return err
}
