package pvprotection

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "pvprotection"

const finalizer = "kubernetes.io/pv-protection"

// Controller reconciles the finalizer of PersistentVolume objects.
type Controller struct {
	Client client.Client
}

// Reconcile adds the finalizer to a volume, and removes it from a deleted one that no
// claim is bound to.
func (c *Controller) Reconcile(ctx context.Context, volume *corev1.PersistentVolume) (reconcile.Result, error) {
	protected := slices.Contains(volume.Finalizers, finalizer)
	deleting := volume.DeletionTimestamp != nil
	if protected == !deleting || (deleting && volume.Status.Phase == corev1.VolumeBound) {
		return reconcile.Result{}, nil
	}
	_, _, err := patch.Object(ctx, c.Client, volume, func(changed *corev1.PersistentVolume) {
		if !deleting {
			changed.Finalizers = append(changed.Finalizers, finalizer)
			return
		}
		changed.Finalizers = slices.DeleteFunc(changed.Finalizers, func(f string) bool { return f == finalizer })
	})
	return patch.Result(reconcile.Result{}, err)
}

// Register puts the controller on mgr. It wakes when a volume changes.
func Register(_ context.Context, mgr manager.Manager, _ kit.Deps) error {
	c := &Controller{Client: mgr.GetClient()}
	return kit.New(mgr, Name).For(&corev1.PersistentVolume{}).Complete(reconcile.AsReconciler(c.Client, c))
}
