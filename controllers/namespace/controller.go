package namespace

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "namespace"

// Controller reconciles terminating namespaces.
type Controller struct {
	Client    client.Client
	Live      client.Reader
	Discovery discovery.DiscoveryInterface
	Clock     clock.PassiveClock

	waits waits
}

// Reconcile deletes what a terminating namespace holds; when nothing is left it removes
// the finalizer.
func (c *Controller) Reconcile(ctx context.Context, ns *corev1.Namespace) (reconcile.Result, error) {
	if ns.DeletionTimestamp == nil || !slices.Contains(ns.Spec.Finalizers, corev1.FinalizerKubernetes) {
		return reconcile.Result{}, nil
	}
	found := c.empty(ctx, ns.Name)
	now := c.Clock.Now()
	_, err := patch.Status(ctx, c.Client, ns, func(changed *corev1.Namespace) {
		changed.Status.Phase = corev1.NamespaceTerminating
		setConditions(&changed.Status, found, now)
	})
	if err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	if err := found.err(); err != nil {
		return reconcile.Result{}, fmt.Errorf("emptying namespace: %w", err)
	}
	if found.remaining() > 0 {
		return kit.After(c.waits.next(ns.UID, found)), nil
	}
	return patch.Result(reconcile.Result{}, c.finalize(ctx, ns))
}

func (c *Controller) finalize(ctx context.Context, ns *corev1.Namespace) error {
	fresh := &corev1.Namespace{}
	if err := c.Live.Get(ctx, client.ObjectKeyFromObject(ns), fresh); err != nil {
		return err
	}
	if fresh.UID != ns.UID {
		return nil
	}
	fresh.Spec.Finalizers = slices.DeleteFunc(fresh.Spec.Finalizers, func(f corev1.FinalizerName) bool {
		return f == corev1.FinalizerKubernetes
	})
	if err := c.Client.SubResource("finalize").Update(ctx, fresh); err != nil {
		return fmt.Errorf("finalizing namespace: %w", err)
	}
	return nil
}

// Register puts the controller on mgr. It wakes when a namespace begins to go, and when a pod
// is gone.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	disco, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("making discovery client: %w", err)
	}
	c := &Controller{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Discovery: disco, Clock: deps.Clock}
	terminating := predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return e.Object.GetDeletionTimestamp() != nil },
		UpdateFunc: func(e event.UpdateEvent) bool { return begins(e.ObjectOld, e.ObjectNew) },
		DeleteFunc: kit.OnDelete(func(obj client.Object) { c.waits.forget(obj.GetUID()) }),
	}
	podGone := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(event.UpdateEvent) bool { return false },
	}
	return kit.New(mgr, Name).
		For(&corev1.Namespace{}, builder.WithPredicates(terminating)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(kit.NamespaceOf), builder.WithPredicates(podGone)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
