package nodettl

import (
	"context"
	"math"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "nodettl"

// workers write at the same time, so that many nodes that come together are not written to when they are in use already.
const workers = 8

// Controller reconciles the annotation of Node objects.
type Controller struct {
	Client client.Client
	Nodes  *patch.Nodes

	mu    sync.Mutex
	nodes map[string]string // what each was last asked to say; counted as they come and go, for a list would cost as much as there are
	size  int               // index into sizes
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
	if len(c.change(node).Annotations) == 0 {
		return reconcile.Result{}, nil
	}
	return patch.Result(reconcile.Result{}, c.Nodes.Write(ctx, c.Client, node))
}

// change is what a node does not say yet.
func (c *Controller) change(node *corev1.Node) patch.Change {
	value := c.value()
	if node.Annotations[corev1.ObjectTTLAnnotationKey] == value {
		return patch.Change{}
	}
	return patch.Change{Annotations: map[string]string{corev1.ObjectTTLAnnotationKey: value}}
}

// value of the annotation in a cluster of this size.
func (c *Controller) value() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strconv.Itoa(sizes()[c.size].seconds)
}

// count takes note of a node that is there or not.
func (c *Controller) count(name string, there bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.nodes == nil {
		c.nodes = map[string]string{}
	}
	delete(c.nodes, name)
	if there {
		c.nodes[name] = ""
	}
	c.size = next(c.size, len(c.nodes))
}

// asks says whether a node must be asked to say something else. What it has been asked, and does not say yet, it is not asked
// again, unless somebody has changed what it said.
func (c *Controller) asks(name, said, says string) bool {
	value := c.value()
	c.mu.Lock()
	defer c.mu.Unlock()
	if says == value || said == says && c.nodes[name] == value {
		return false
	}
	c.nodes[name] = value
	return true
}

// changes counts nodes and wakes one that comes or changes and does not say what it should. A cluster that is of another size
// now wakes none of those that it has: they learn of it by their kubelets' next heartbeats, in minutes at most, and that is
// soon enough for what lasts longer. To write to all of them at once would be a storm each time that a cluster grows.
func (c *Controller) changes() handler.EventHandler {
	type requests = workqueue.TypedRateLimitingInterface[reconcile.Request]
	says := func(node client.Object) string { return node.GetAnnotations()[corev1.ObjectTTLAnnotationKey] }
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue requests) {
			c.count(e.Object.GetName(), true)
			if c.asks(e.Object.GetName(), "", says(e.Object)) {
				queue.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(e.Object)})
			}
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue requests) {
			if c.asks(e.ObjectNew.GetName(), says(e.ObjectOld), says(e.ObjectNew)) {
				queue.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(e.ObjectNew)})
			}
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ requests) { c.count(e.Object.GetName(), false) },
	}
}

// Register puts the controller on mgr. A node wakes when it comes, and when it changes.
func Register(_ context.Context, mgr manager.Manager, _ kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Nodes: patch.NodesOf(mgr)}
	c.Nodes.Add(c.change)
	return kit.New(mgr, Name).
		Watches(&corev1.Node{}, c.changes()).
		WithOptions(kit.Options(workers)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
