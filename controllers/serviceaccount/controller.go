package serviceaccount

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Name is the controller's name in the list of all.
const Name = "serviceaccount"

// account is the name of the account that pods get unless they name another.
const account = "default"

// Controller creates default service accounts.
type Controller struct {
	Client client.Client
}

// Reconcile creates the default account of an active namespace that has none.
func (c *Controller) Reconcile(ctx context.Context, ns *corev1.Namespace) (reconcile.Result, error) {
	if ns.DeletionTimestamp != nil || ns.Status.Phase == corev1.NamespaceTerminating {
		return reconcile.Result{}, nil
	}
	err := c.Client.Get(ctx, client.ObjectKey{Namespace: ns.Name, Name: account}, &corev1.ServiceAccount{})
	if !apierrors.IsNotFound(err) {
		return reconcile.Result{}, err
	}
	err = c.Client.Create(ctx, &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: ns.Name, Name: account}})
	if err == nil || apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{}, fmt.Errorf("creating default service account: %w", err)
}

// Register puts the controller on mgr. It wakes when a namespace changes or a default
// account is deleted.
func Register(_ context.Context, mgr manager.Manager, _ kit.Deps) error {
	c := &Controller{Client: mgr.GetClient()}
	deleted := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(event.UpdateEvent) bool { return false },
		DeleteFunc: func(e event.DeleteEvent) bool { return e.Object.GetName() == account },
	}
	return kit.New(mgr, Name).
		For(&corev1.Namespace{}).
		Watches(&corev1.ServiceAccount{}, handler.EnqueueRequestsFromMapFunc(kit.NamespaceOf), builder.WithPredicates(deleted)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
