package nodelifecycle

import (
	"context"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Name is the controller's name in the list of all.
const Name = "nodelifecycle"

// workers are so many because nothing runs on a new node before it is free of taints, and because etcd makes one write to the disk of
// all that wait for one.
const workers = 16

// excludeDisruption is the label of nodes that come and go as they like, which says nothing of the others.
const excludeDisruption = "node.kubernetes.io/exclude-disruption"

// Controller reconciles nodes with their signs of life.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
	Grace    time.Duration
	// StartGrace is how long a new node may take to report for the first time.
	StartGrace time.Duration
	Writes     *patch.Nodes

	metrics *metrics

	beats heartbeats
	nodes census

	mu    sync.Mutex
	known map[string]types.UID
}

// Reconcile makes a silent node Unknown, and gives every node the taints of its state.
func (c *Controller) Reconcile(ctx context.Context, node *corev1.Node) (reconcile.Result, error) {
	if node.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	c.welcome(node)
	now := c.Clock.Now()
	defer func() { c.metrics.looked(c.Clock.Since(now)) }()
	grace := c.Grace
	if condition(node, corev1.NodeReady) == nil {
		grace = c.StartGrace
	}
	wait := c.beats.status(node, now).Add(grace).Sub(now)
	if wait <= 0 {
		wrote, err := c.silence(ctx, node, now)
		if wrote || err != nil {
			return patch.Result(reconcile.Result{}, err) // the write wakes us with the new conditions
		}
		if err := c.unreadyPods(ctx, node.Name, now); err != nil {
			return patch.Result(reconcile.Result{}, err)
		}
	}
	change, turn := c.changeIn(node)
	wait = kit.Sooner(wait, turn)
	if change.Spec == nil {
		return kit.After(wait), nil
	}
	return patch.Result(kit.After(wait), c.Writes.Write(ctx, c.Client, node))
}

// change is what differs in a node's taints from what its conditions say.
func (c *Controller) change(node *corev1.Node) patch.Change {
	change, _ := c.changeIn(node)
	return change
}

// changeIn also says how soon it is a node's turn to be emptied, if it has to wait for that.
func (c *Controller) changeIn(node *corev1.Node) (patch.Change, time.Duration) {
	evict, turn := false, time.Duration(0)
	if condition(node, corev1.NodeReady) != nil && !isReady(node) { // one that has not reported yet takes nobody's turn
		evict, turn = c.nodes.evicts(node.Name, empties(node.Spec.Taints), c.Clock.Now())
	}
	wanted := taints(node, evict, c.Clock.Now())
	if node.DeletionTimestamp != nil || equality.Semantic.DeepEqual(node.Spec.Taints, wanted) {
		return patch.Change{}, turn
	}
	return patch.Change{Spec: map[string]any{"taints": wanted}, Locked: true, Wrote: func() { c.metrics.tainted(node, wanted) }}, turn
}

func (c *Controller) welcome(node *corev1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known[node.Name] == node.UID {
		return
	}
	c.known[node.Name] = node.UID
	c.event(node.Name, node.UID, "RegisteredNode", fmt.Sprintf("Registered Node %s in Controller", node.Name))
}

// event records on a node what its controller did. Such events name the node as its UID,
// too, like those of the kubelet.
func (c *Controller) event(name string, uid types.UID, reason, message string) {
	ref := &corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: name, UID: uid}
	c.Recorder.Eventf(ref, corev1.EventTypeNormal, reason, "Node %s event: %s", name, message)
}

func (c *Controller) silence(ctx context.Context, node *corev1.Node, now time.Time) (bool, error) {
	ready := condition(node, corev1.NodeReady)
	wasReady := ready != nil && ready.Status == corev1.ConditionTrue
	wrote, err := patch.Status(ctx, c.Client, node, func(changed *corev1.Node) { silence(changed, now) })
	if wrote && wasReady {
		ref := &corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: node.Name, UID: node.UID}
		c.Recorder.Eventf(ref, corev1.EventTypeNormal, "NodeNotReady", "Node %s status is now: NodeNotReady", node.Name)
	}
	return wrote, err
}

// unreadyPods takes the pods of a silent node out of service.
func (c *Controller) unreadyPods(ctx context.Context, node string, now time.Time) error {
	var pods corev1.PodList
	err := c.Client.List(ctx, &pods, client.MatchingFields{kit.NodeIndex: node}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return fmt.Errorf("listing pods of node: %w", err)
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		if !podcontrol.IsReady(pod) {
			continue
		}
		_, err := patch.Status(ctx, c.Client, pod, func(changed *corev1.Pod) {
			next := *podcontrol.Condition(changed, corev1.PodReady)
			next.Status = corev1.ConditionFalse
			podcontrol.SetCondition(&changed.Status, next, now)
		})
		if client.IgnoreNotFound(err) != nil {
			return err
		}
		c.Recorder.Event(pod, corev1.EventTypeWarning, "NodeNotReady", "Node is not ready")
	}
	return nil
}

// renewed records a lease, and wakes its node when that had been silent.
func (c *Controller) renewed(ctx context.Context, obj client.Object) []reconcile.Request {
	lease, ok := obj.(*coordinationv1.Lease)
	if !ok || lease.Namespace != corev1.NamespaceNodeLease || !c.beats.lease(lease, c.Clock.Now()) {
		return nil
	}
	node := &corev1.Node{}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: lease.Name}, node); err != nil {
		return nil
	}
	if ready := condition(node, corev1.NodeReady); ready == nil || ready.Status != corev1.ConditionUnknown {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: lease.Name}}}
}

// changes wakes the node that changed; and those that are not ready when it decides whether, or how fast, they are emptied.
func (c *Controller) changes() handler.EventHandler {
	type requests = workqueue.TypedRateLimitingInterface[reconcile.Request]
	wake := func(queue requests, names ...string) {
		for _, name := range names {
			queue.Add(reconcile.Request{NamespacedName: client.ObjectKey{Name: name}})
		}
	}
	seen := func(obj client.Object, queue requests) {
		wake(queue, c.nodes.take(obj.GetName(), memberOf(obj))...)
		wake(queue, obj.GetName())
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue requests) { seen(e.Object, queue) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue requests) { seen(e.ObjectNew, queue) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue requests) {
			c.gone(e.Object)
			wake(queue, c.nodes.drop(e.Object.GetName())...)
		},
	}
}

func (c *Controller) gone(obj client.Object) {
	c.beats.forget(obj.GetName())
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.known, obj.GetName())
	c.event(obj.GetName(), obj.GetUID(), "RemovingNode", fmt.Sprintf("Removing Node %s from Controller", obj.GetName()))
}

// memberOf is what the census knows of a node.
func memberOf(node client.Object) member {
	return member{zone: zoneOf(node), ready: isReady(node), aside: aside(node)}
}

// aside says whether a node has the label of those that do not count for outages, whatever its value.
func aside(node client.Object) bool {
	_, labelled := node.GetLabels()[excludeDisruption]
	return labelled
}

func isReady(obj client.Object) bool {
	node, ok := obj.(*corev1.Node)
	if !ok {
		return false
	}
	ready := condition(node, corev1.NodeReady)
	return ready != nil && ready.Status == corev1.ConditionTrue
}

// Register puts the controller on mgr. It wakes when a node changes, when the lease of a
// silent node is renewed, and when a grace period could be over.
func Register(ctx context.Context, mgr manager.Manager, deps kit.Deps) error {
	if err := podcontrol.IndexByNode(ctx, mgr); err != nil {
		return err
	}
	c := &Controller{
		Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "node-controller"), Clock: deps.Clock, Grace: deps.NodeGracePeriod,
		StartGrace: deps.Tuning.NodeStartupGrace, Writes: patch.NodesOf(mgr),
		beats: heartbeats{seen: map[string]heartbeat{}}, nodes: newCensus(deps.Tuning.NodeDrains), known: map[string]types.UID{},
		metrics: newMetrics(deps.Metrics),
	}
	if err := kit.Show(mgr, deps.Metrics, zones{c.Client}); err != nil {
		return err
	}
	c.Writes.Add(c.change)
	return kit.New(mgr, Name).
		WithOptions(kit.Options(workers)).
		Watches(&corev1.Node{}, c.changes()).
		Watches(&coordinationv1.Lease{}, handler.EnqueueRequestsFromMapFunc(c.renewed)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
