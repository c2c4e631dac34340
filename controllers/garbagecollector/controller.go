package garbagecollector

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Name is the controller's name in the list of all.
const Name = "garbagecollector"

// Controller reconciles objects, of whatever kind, with the existence of their owners.
type Controller struct {
	Client   client.Client
	Live     client.Reader
	Recorder record.EventRecorder

	graph *graph

	mu         sync.Mutex
	unresolved map[types.UID]struct{} // have an owner of a kind that is not served
}

// Reconcile looks at one object: it deletes it if no owner is left, or takes its own
// deletion a step further.
func (c *Controller) Reconcile(ctx context.Context, uid types.UID) (reconcile.Result, error) {
	n := c.graph.get(uid)
	if n == nil {
		return reconcile.Result{}, nil
	}
	var err error
	switch {
	case n.deleting && n.orphan:
		err = c.letGo(ctx, n)
	case n.deleting && n.foreground:
		err = c.awaitDependents(ctx, n)
	case n.deleting || len(n.owners) == 0:
		return reconcile.Result{}, nil
	default:
		err = c.collect(ctx, n)
	}
	if apierrors.IsNotFound(err) {
		return reconcile.Result{}, nil // its event is on the way
	}
	if apierrors.IsConflict(err) {
		return kit.After(conflictDelay), nil
	}
	return reconcile.Result{}, err
}

// awaitDependents ends a foreground deletion when no dependent blocks it any more.
func (c *Controller) awaitDependents(ctx context.Context, n *node) error {
	for _, dependent := range c.graph.dependentsOf(n.uid) {
		for _, ref := range dependent.owners {
			if ref.UID == n.uid && blocks(ref) {
				return nil // its end wakes us
			}
		}
	}
	return c.removeFinalizer(ctx, n, metav1.FinalizerDeleteDependents)
}

// letGo takes a deleted owner out of its dependents' references, then lets it go.
func (c *Controller) letGo(ctx context.Context, n *node) error {
	for _, dependent := range c.graph.dependentsOf(n.uid) {
		err := c.dropOwners(ctx, dependent, func(ref metav1.OwnerReference) bool { return ref.UID == n.uid })
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("orphaning %s %s: %w", dependent.gvk.Kind, dependent.name, err)
		}
	}
	return c.removeFinalizer(ctx, n, metav1.FinalizerOrphanDependents)
}

// collect deletes n if none of its owners stays.
func (c *Controller) collect(ctx context.Context, n *node) error {
	live, err := c.read(ctx, n)
	if err != nil || live == nil {
		return err
	}
	if live.DeletionTimestamp != nil {
		return nil
	}
	owners, err := c.classify(ctx, n, live.OwnerReferences)
	if err != nil || len(live.OwnerReferences) == 0 {
		return err
	}
	leaving := append(owners.dangling, owners.waiting...)
	switch {
	case len(owners.solid) > 0 && len(leaving) == 0:
		return nil
	case len(owners.solid) > 0:
		return c.dropOwners(ctx, n, func(ref metav1.OwnerReference) bool { return hasOwner(leaving, ref.UID) })
	case len(owners.waiting) > 0 && len(c.graph.dependentsOf(n.uid)) > 0:
		if changed, err := c.unblockCycle(ctx, n); err != nil {
			return err
		} else if changed { // what was read is not what would be deleted
			if live, err = c.read(ctx, n); err != nil || live == nil {
				return err
			}
		}
		return c.delete(ctx, n, live, metav1.DeletePropagationForeground)
	}
	return c.delete(ctx, n, live, propagation(live))
}

// unblockCycle stops n from blocking its owners when one of its own dependents waits
// too: owners in a circle would wait for ever. It says whether it has changed n.
func (c *Controller) unblockCycle(ctx context.Context, n *node) (bool, error) {
	for _, dependent := range c.graph.dependentsOf(n.uid) {
		if dependent.deleting && dependent.foreground {
			return true, c.patchOwners(ctx, n, func(refs []metav1.OwnerReference) []metav1.OwnerReference {
				for i := range refs {
					refs[i].BlockOwnerDeletion = ptr.To(false)
				}
				return refs
			})
		}
	}
	return false, nil
}

// propagation is the policy that an object's own finalizers ask for.
func propagation(obj *metav1.PartialObjectMetadata) metav1.DeletionPropagation {
	for _, finalizer := range obj.Finalizers {
		switch finalizer {
		case metav1.FinalizerOrphanDependents:
			return metav1.DeletePropagationOrphan
		case metav1.FinalizerDeleteDependents:
			return metav1.DeletePropagationForeground
		}
	}
	return metav1.DeletePropagationBackground
}

// Register puts the controller on mgr. It wakes when any object's metadata changes; the
// kinds are watched by monitors, which follow discovery.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	disco, err := discovery.NewDiscoveryClientForConfigAndClient(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("making discovery client: %w", err)
	}
	c := &Controller{
		Client:     mgr.GetClient(),
		Live:       mgr.GetAPIReader(),
		Recorder:   kit.Recorder(mgr, "garbage-collector-controller"),
		graph:      newGraph(),
		unresolved: map[types.UID]struct{}{},
	}
	gc, err := controller.NewTyped(Name, mgr, controller.TypedOptions[types.UID]{
		Reconciler:              c,
		SkipNameValidation:      ptr.To(true),
		MaxConcurrentReconciles: cmp.Or(deps.Tuning.Workers[Name], 8),
		NewQueue:                kit.NewQueue[types.UID],
	})
	if err != nil {
		return fmt.Errorf("making controller: %w", err)
	}
	return gc.Watch(&monitors{
		controller: c, cache: mgr.GetCache(), discovery: disco,
		watched: map[resourceKind]*monitor{}, changed: make(chan struct{}, 1), failures: newMetrics(deps.Metrics),
	})
}
