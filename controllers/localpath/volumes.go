package localpath

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Volumes reconciles the volumes that this provisioner has made.
type Volumes struct{ Client client.Client }

// Reconcile lets a volume go when its data is gone, or is to stay.
func (c *Volumes) Reconcile(ctx context.Context, v *corev1.PersistentVolume) (reconcile.Result, error) {
	if !provisioned(v) || !slices.Contains(v.Finalizers, finalizer) {
		return reconcile.Result{}, nil
	}
	return patch.Result(reconcile.Result{}, c.reconcile(ctx, v))
}

func (c *Volumes) reconcile(ctx context.Context, v *corev1.PersistentVolume) error {
	kept := v.DeletionTimestamp != nil && v.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete
	if !kept {
		if removed, err := c.removed(ctx, v); !removed || err != nil {
			return err
		}
	}
	if v.DeletionTimestamp == nil {
		if err := c.Client.Delete(ctx, v, client.Preconditions{UID: &v.UID}); err != nil {
			return fmt.Errorf("deleting volume %s: %w", v.Name, err)
		}
		return nil // the volume that is being deleted wakes us
	}
	_, _, err := patch.Object(ctx, c.Client, v, func(v *corev1.PersistentVolume) {
		v.Finalizers = slices.DeleteFunc(v.Finalizers, func(f string) bool { return f == finalizer })
	})
	return err
}

// removed says whether the data of a released volume is gone: its node says so, or is gone itself.
func (c *Volumes) removed(ctx context.Context, v *corev1.PersistentVolume) (bool, error) {
	if !Removable(v) {
		return false, nil
	}
	if v.Status.Reason == RemovedReason {
		return true, nil
	}
	var nodes corev1.NodeList
	if err := c.Client.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return false, fmt.Errorf("listing nodes: %w", err)
	}
	there := slices.ContainsFunc(nodes.Items, func(node corev1.Node) bool { return NodeValue(node.Name) == v.Labels[NodeLabel] })
	return !there, nil
}
