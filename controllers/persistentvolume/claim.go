package persistentvolume

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/apis/storage/intree"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Claims reconciles PersistentVolumeClaim objects.
type Claims struct{ *binder }

// Reconcile binds a claim, or says what it waits for.
func (c *Claims) Reconcile(ctx context.Context, claim *corev1.PersistentVolumeClaim) (reconcile.Result, error) {
	if wrote, err := migrate(ctx, c.client, claim); wrote || err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	var err error
	switch {
	case isBound(claim):
		err = c.keep(ctx, claim)
	case claim.DeletionTimestamp != nil:
	case claim.Spec.VolumeName != "":
		err = c.bindRequested(ctx, claim)
	default:
		err = c.find(ctx, claim)
	}
	return patch.Result(reconcile.Result{}, err)
}

// find looks for a volume for a claim that names none.
func (c *Claims) find(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	class, err := c.class(ctx, claim)
	if err != nil {
		return err
	}
	_, selected := claim.Annotations[volume.AnnSelectedNode]
	waits := class != nil && class.VolumeBindingMode != nil && *class.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer
	var list corev1.PersistentVolumeList
	if err := c.client.List(ctx, &list); err != nil {
		return fmt.Errorf("listing volumes: %w", err)
	}
	found, err := match(claim, list.Items, waits)
	if err != nil {
		return fmt.Errorf("finding a volume: %w", err)
	}
	if found != nil {
		return c.bind(ctx, claim, found)
	}
	switch {
	case waits && !selected:
		if err := c.await(ctx, claim); err != nil {
			return err
		}
	case volume.GetPersistentVolumeClaimClass(claim) != "":
		if err := c.provision(ctx, claim, class); err != nil {
			return err
		}
	default:
		changed, err := c.giveDefaultClass(ctx, claim)
		if changed || err != nil {
			return err // the changed claim wakes us
		}
		c.recorder.Event(claim, corev1.EventTypeNormal, "FailedBinding", "no persistent volumes available for this claim and no storage class is set")
	}
	return c.setPhase(ctx, claim, corev1.ClaimPending)
}

// match finds a volume for a claim: one that is kept for it, else the smallest that is large enough of those with the fewest ways of access,
// among which are all that it asks for.
func match(claim *corev1.PersistentVolumeClaim, items []corev1.PersistentVolume, waits bool) (*corev1.PersistentVolume, error) {
	byWays := map[int][]*corev1.PersistentVolume{}
	for i := range items {
		v := &items[i]
		if !volume.CheckAccessModes(claim, v) {
			continue
		}
		ways := len(v.Spec.AccessModes)
		if volume.IsVolumeBoundToClaim(v, claim) {
			ways = 0
		}
		byWays[ways] = append(byWays[ways], v)
	}
	for _, ways := range slices.Sorted(maps.Keys(byWays)) {
		found, err := volume.FindMatchingVolume(claim, byWays[ways], nil, nil, waits, true)
		if found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// class returns the storage class of a claim; nil if it has none or there is no such class.
func (c *Claims) class(ctx context.Context, claim *corev1.PersistentVolumeClaim) (*storagev1.StorageClass, error) {
	name := volume.GetPersistentVolumeClaimClass(claim)
	if name == "" {
		return nil, nil
	}
	var class storagev1.StorageClass
	if err := c.client.Get(ctx, client.ObjectKey{Name: name}, &class); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading storage class %s: %w", name, err)
	}
	return &class, nil
}

// provision asks the provisioner of the class for a volume: an annotation names it.
func (c *Claims) provision(ctx context.Context, claim *corev1.PersistentVolumeClaim, class *storagev1.StorageClass) error {
	provisioner := ""
	if class != nil {
		provisioner = cmp.Or(intree.Driver(class.Provisioner), class.Provisioner)
	}
	switch {
	case class == nil:
		c.recorder.Eventf(claim, corev1.EventTypeWarning, "ProvisioningFailed", "storageclass.storage.k8s.io %q not found", volume.GetPersistentVolumeClaimClass(claim))
		return nil
	case strings.HasPrefix(provisioner, "kubernetes.io/"):
		c.recorder.Eventf(claim, corev1.EventTypeWarning, "ProvisioningFailed", "no volume plugin matched name: %s", class.Provisioner)
		return nil
	}
	changed, wrote, err := patch.Object(ctx, c.client, claim, func(claim *corev1.PersistentVolumeClaim) {
		setAnnotation(claim, volume.AnnBetaStorageProvisioner, provisioner)
		setAnnotation(claim, volume.AnnStorageProvisioner, provisioner)
	})
	if err != nil || !wrote && claim.Status.Phase == corev1.ClaimPending {
		return err
	}
	c.recorder.Eventf(changed, corev1.EventTypeNormal, "ExternalProvisioning", "Waiting for a volume to be created either by the external provisioner '%s' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.", provisioner)
	changed.DeepCopyInto(claim)
	return nil
}

func setAnnotation(obj client.Object, key, value string) {
	annotations := obj.GetAnnotations()
	if annotations == nil {
		annotations = map[string]string{}
	}
	annotations[key] = value
	obj.SetAnnotations(annotations)
}

// giveDefaultClass lets a claim that says nothing about its class have the default one, when there is one by now.
func (c *Claims) giveDefaultClass(ctx context.Context, claim *corev1.PersistentVolumeClaim) (bool, error) {
	if claim.Spec.StorageClassName != nil {
		return false, nil
	}
	if _, beta := claim.Annotations[corev1.BetaStorageClassAnnotation]; beta {
		return false, nil
	}
	var classes storagev1.StorageClassList
	if err := c.client.List(ctx, &classes); err != nil {
		return false, fmt.Errorf("listing storage classes: %w", err)
	}
	name := defaultClass(classes.Items)
	if name == "" {
		return false, nil
	}
	_, changed, err := patch.Object(ctx, c.client, claim, func(claim *corev1.PersistentVolumeClaim) { claim.Spec.StorageClassName = &name })
	return changed, err
}

// defaultClass is the name of the newest of the default classes; of equally old ones the first by name.
func defaultClass(classes []storagev1.StorageClass) string {
	var best *storagev1.StorageClass
	for i := range classes {
		class := &classes[i]
		if class.Annotations["storageclass.kubernetes.io/is-default-class"] != "true" && class.Annotations["storageclass.beta.kubernetes.io/is-default-class"] != "true" {
			continue
		}
		if best == nil || best.CreationTimestamp.Before(&class.CreationTimestamp) ||
			best.CreationTimestamp.Equal(&class.CreationTimestamp) && class.Name < best.Name {
			best = class
		}
	}
	if best == nil {
		return ""
	}
	return best.Name
}

// bindRequested binds a claim to the volume that it names, when that is there and free.
func (c *Claims) bindRequested(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	v, err := c.volume(ctx, claim.Spec.VolumeName)
	switch {
	case err != nil:
		return err
	case v == nil:
		return c.setPhase(ctx, claim, corev1.ClaimPending)
	case v.Spec.ClaimRef == nil:
		if err := satisfies(v, claim); err != nil {
			c.recorder.Eventf(claim, corev1.EventTypeWarning, "VolumeMismatch", "Cannot bind to requested volume %q: %s", v.Name, err)
			return c.setPhase(ctx, claim, corev1.ClaimPending)
		}
	case !volume.IsVolumeBoundToClaim(v, claim):
		c.recorder.Eventf(claim, corev1.EventTypeWarning, "FailedBinding", "volume %q already bound to a different claim.", v.Name)
		return c.setPhase(ctx, claim, corev1.ClaimPending)
	}
	return c.bind(ctx, claim, v)
}

// satisfies says why a volume cannot serve a claim that asks for it by name.
func satisfies(v *corev1.PersistentVolume, claim *corev1.PersistentVolumeClaim) error {
	wants, has := claim.Spec.Resources.Requests[corev1.ResourceStorage], v.Spec.Capacity[corev1.ResourceStorage]
	switch {
	case v.DeletionTimestamp != nil:
		return fmt.Errorf("the volume is marked for deletion %q", v.Name)
	case has.Cmp(wants) < 0:
		return fmt.Errorf("requested PV is too small")
	case volume.GetPersistentVolumeClass(v) != volume.GetPersistentVolumeClaimClass(claim):
		return fmt.Errorf("storageClassName does not match")
	case ptr.Deref(v.Spec.VolumeAttributesClassName, "") != ptr.Deref(claim.Spec.VolumeAttributesClassName, ""):
		return fmt.Errorf("volumeAttributesClassName does not match")
	case volume.CheckVolumeModeMismatches(&claim.Spec, &v.Spec):
		return fmt.Errorf("incompatible volumeMode")
	case !volume.CheckAccessModes(claim, v):
		return fmt.Errorf("incompatible accessMode")
	}
	return nil
}

// volume returns a volume, or nil if there is none of that name.
func (c *Claims) volume(ctx context.Context, name string) (*corev1.PersistentVolume, error) {
	var v corev1.PersistentVolume
	if err := c.client.Get(ctx, client.ObjectKey{Name: name}, &v); err != nil {
		if apierrors.IsNotFound(err) {
			return nil, nil
		}
		return nil, fmt.Errorf("reading volume %s: %w", name, err)
	}
	return &v, nil
}

// keep looks after a claim that was bound once.
func (c *Claims) keep(ctx context.Context, claim *corev1.PersistentVolumeClaim) error {
	if claim.Spec.VolumeName == "" {
		return c.lose(ctx, claim, "ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!")
	}
	v, err := c.volume(ctx, claim.Spec.VolumeName)
	switch {
	case err != nil:
		return err
	case v == nil:
		return c.lose(ctx, claim, "ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!")
	case v.Spec.ClaimRef != nil && v.Spec.ClaimRef.UID != claim.UID:
		return c.lose(ctx, claim, "ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly")
	}
	return c.bind(ctx, claim, v)
}

func (c *Claims) lose(ctx context.Context, claim *corev1.PersistentVolumeClaim, reason, message string) error {
	if claim.Status.Phase == corev1.ClaimLost {
		return nil
	}
	if err := c.setPhase(ctx, claim, corev1.ClaimLost); err != nil {
		return err
	}
	c.recorder.Event(claim, corev1.EventTypeWarning, reason, message)
	return nil
}

func (c *Claims) setPhase(ctx context.Context, claim *corev1.PersistentVolumeClaim, phase corev1.PersistentVolumeClaimPhase) error {
	_, err := patch.Status(ctx, c.client, claim, func(claim *corev1.PersistentVolumeClaim) {
		claim.Status.Phase = phase
		claim.Status.AccessModes, claim.Status.Capacity = nil, nil
	})
	return err
}
