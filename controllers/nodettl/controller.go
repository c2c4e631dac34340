package nodettl

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
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

	mu   sync.Mutex
	size int // index into sizes
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
	_, seconds, err := c.measure(ctx)
	if err != nil {
		return reconcile.Result{}, err
	}
	value := strconv.Itoa(seconds)
	if node.Annotations[corev1.ObjectTTLAnnotationKey] == value {
		return reconcile.Result{}, nil
	}
	err = patch.Metadata(ctx, c.Client, node, func(node *corev1.Node) {
		if node.Annotations == nil {
			node.Annotations = map[string]string{}
		}
		node.Annotations[corev1.ObjectTTLAnnotationKey] = value
	})
	return patch.Result(reconcile.Result{}, err)
}

// measure counts the nodes, and returns whether the cluster is of another size now.
func (c *Controller) measure(ctx context.Context) (changed bool, seconds int, err error) {
	var nodes corev1.NodeList
	if err := c.Client.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return false, 0, fmt.Errorf("listing nodes: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.size
	c.size = next(before, len(nodes.Items))
	return c.size != before, sizes()[c.size].seconds, nil
}

// all nodes wake when one comes or goes that makes the cluster of another size.
func (c *Controller) all(ctx context.Context, _ client.Object) []reconcile.Request {
	changed, _, err := c.measure(ctx)
	if err != nil || !changed {
		return nil
	}
	var nodes corev1.NodeList
	if err := c.Client.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range nodes.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&nodes.Items[i])})
	}
	return requests
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
	comesOrGoes := predicate.Funcs{UpdateFunc: func(event.UpdateEvent) bool { return false }}
	return kit.New(mgr, Name).
		For(&corev1.Node{}, builder.WithPredicates(comes)).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(c.all), builder.WithPredicates(comesOrGoes)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
