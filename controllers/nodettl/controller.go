package nodettl

import (
	"context"
	"maps"
	"math"
	"slices"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
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
const Name = "nodettl"

// Controller reconciles the annotation of Node objects.
type Controller struct {
	Client client.Client

	mu    sync.Mutex
	nodes map[string]struct{} // counted as they come and go, for a list would cost as much as there are
	size  int                 // index into sizes
}

// size of a cluster and the seconds that go with it. Sizes overlap, so that a cluster on an edge does not go to and fro.
type size struct{ least, most, seconds int }

func sizes() []size {
	return []size{{0, 100, 0}, {90, 500, 15}, {450, 1000, 30}, {900, 2000, 60}, {1800, math.MaxInt, 300}}
}

// next is the index of the size of a cluster that was of another one before.
func next(now, nodes int) int {
	all := sizes()
	for now < len(all)-1 && nodes > all[now].most {
		now++
	}
	for now > 0 && nodes < all[now].least {
		now--
	}
	return now
}

// Reconcile writes the annotation.
func (c *Controller) Reconcile(ctx context.Context, node *corev1.Node) (reconcile.Result, error) {
	c.mu.Lock()
	value := strconv.Itoa(sizes()[c.size].seconds)
	c.mu.Unlock()
	if node.Annotations[corev1.ObjectTTLAnnotationKey] == value {
		return reconcile.Result{}, nil
	}
	change := patch.Change{Annotations: map[string]string{corev1.ObjectTTLAnnotationKey: value}}
	return patch.Result(reconcile.Result{}, patch.Merge(ctx, c.Client, node, change))
}

// count takes note of a node that is there or not, and returns the nodes that this concerns: all of them if the cluster is
// of another size now.
func (c *Controller) count(name string, there bool) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nodes == nil {
		c.nodes = map[string]struct{}{}
	}
	delete(c.nodes, name)
	if there {
		c.nodes[name] = struct{}{}
	}
	before := c.size
	if c.size = next(before, len(c.nodes)); c.size == before {
		return nil
	}
	return slices.Collect(maps.Keys(c.nodes))
}

// Register puts the controller on mgr. A node wakes when it comes, and when the cluster grows or shrinks beyond a limit.
func Register(_ context.Context, mgr manager.Manager, _ kit.Deps) error {
	c := &Controller{Client: mgr.GetClient()}
	comes := predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetAnnotations()[corev1.ObjectTTLAnnotationKey] != e.ObjectNew.GetAnnotations()[corev1.ObjectTTLAnnotationKey]
		},
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	wake := func(names []string, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		for _, name := range names {
			queue.Add(reconcile.Request{NamespacedName: client.ObjectKey{Name: name}})
		}
	}
	counted := handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			wake(c.count(e.Object.GetName(), true), queue)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			wake(c.count(e.Object.GetName(), false), queue)
		},
	}
	return kit.New(mgr, Name).
		For(&corev1.Node{}, builder.WithPredicates(comes)).
		Watches(&corev1.Node{}, counted).
		Complete(reconcile.AsReconciler(c.Client, c))
}
