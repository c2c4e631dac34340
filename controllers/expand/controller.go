package expand

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Name is the controller's name in the list of all.
const Name = "expand"

// Controller reconciles the wish of PersistentVolumeClaim objects to grow.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
}

// Reconcile says that a claim waits for somebody who expands its volume.
func (c *Controller) Reconcile(ctx context.Context, claim *corev1.PersistentVolumeClaim) (reconcile.Result, error) {
	if !grows(claim) {
		return reconcile.Result{}, nil
	}
	var volume corev1.PersistentVolume
	if err := c.Client.Get(ctx, client.ObjectKey{Name: claim.Spec.VolumeName}, &volume); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(fmt.Errorf("reading volume %s: %w", claim.Spec.VolumeName, err))
	}
	if volume.Spec.ClaimRef == nil || volume.Spec.ClaimRef.UID != claim.UID {
		return reconcile.Result{}, nil
	}
	c.Recorder.Event(claim, corev1.EventTypeNormal, "ExternalExpanding", "waiting for an external controller to expand this PVC")
	return reconcile.Result{}, nil
}

// grows says whether a bound claim asks for more than it has.
func grows(claim *corev1.PersistentVolumeClaim) bool {
	wants, has := claim.Spec.Resources.Requests[corev1.ResourceStorage], claim.Status.Capacity[corev1.ResourceStorage]
	return claim.Spec.VolumeName != "" && claim.Status.Phase == corev1.ClaimBound && wants.Cmp(has) > 0
}

// Register puts the controller on mgr. It wakes when a claim begins to ask for more.
func Register(_ context.Context, mgr manager.Manager, _ kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "volume_expand")}
	more := predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			old, ok := e.ObjectOld.(*corev1.PersistentVolumeClaim)
			claim, same := e.ObjectNew.(*corev1.PersistentVolumeClaim)
			if !ok || !same {
				return false
			}
			before, now := old.Spec.Resources.Requests[corev1.ResourceStorage], claim.Spec.Resources.Requests[corev1.ResourceStorage]
			return grows(claim) && now.Cmp(before) > 0
		},
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	return kit.New(mgr, Name).For(&corev1.PersistentVolumeClaim{}, builder.WithPredicates(more)).Complete(reconcile.AsReconciler(c.Client, c))
}
