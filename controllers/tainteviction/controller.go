package tainteviction

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
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
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Name is the controller's name in the list of all.
const Name = "tainteviction"

// Controller evicts pods from tainted nodes.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
	metrics  *kit.Evictions

	mu      sync.Mutex
	started map[string]map[types.UID]time.Time // by node and pod: since when its time runs
}

// Reconcile deletes the pods whose tolerance of the node's taints is over.
func (c *Controller) Reconcile(ctx context.Context, node *corev1.Node) (reconcile.Result, error) {
	taints := noExecute(node)
	var pods corev1.PodList
	if len(taints) > 0 || c.waits(node.Name) {
		err := c.Client.List(ctx, &pods, client.MatchingFields{kit.NodeIndex: node.Name}, client.UnsafeDisableDeepCopy)
		if err != nil {
			return reconcile.Result{}, fmt.Errorf("listing pods of node: %w", err)
		}
	}
	now := c.Clock.Now()
	running := map[types.UID]time.Time{}
	next := time.Duration(0)
	var errs []error
	for i := range pods.Items {
		pod := &pods.Items[i]
		tolerated, limited := tolerance(taints, pod.Spec.Tolerations)
		if len(taints) == 0 || !limited {
			continue
		}
		since, runs := c.since(node.Name, pod.UID, now)
		if pod.DeletionTimestamp != nil {
			if runs { // its end will be told
				running[pod.UID] = since
			}
			continue
		}
		running[pod.UID] = since
		if wait := since.Add(tolerated).Sub(now); wait > 0 {
			next = kit.Sooner(next, wait)
			continue
		}
		err := c.evict(ctx, pod, now)
		if err == nil {
			c.metrics.Deleted(c.Clock.Since(since.Add(tolerated)))
		}
		errs = append(errs, client.IgnoreNotFound(err))
	}
	c.keep(node, running, pods.Items)
	return patch.Result(kit.After(next), errors.Join(errs...))
}

// waits says whether the time of a pod on the node runs: when the last taint goes, it is told that it need not go.
func (c *Controller) waits(node string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.started[node]) > 0
}

// since is when the time of a pod began to run, and whether it ran before now.
func (c *Controller) since(node string, pod types.UID, now time.Time) (began time.Time, runs bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if since, ok := c.started[node][pod]; ok {
		return since, true
	}
	return now, false
}

// ended tells of a pod that is gone before its time was over.
func (c *Controller) ended(pod *corev1.Pod) {
	c.mu.Lock()
	running := c.started[pod.Spec.NodeName]
	_, runs := running[pod.UID]
	if delete(running, pod.UID); len(running) == 0 {
		delete(c.started, pod.Spec.NodeName)
	}
	c.mu.Unlock()
	evicted := slices.ContainsFunc(pod.Status.Conditions, func(condition corev1.PodCondition) bool {
		return condition.Type == corev1.DisruptionTarget && condition.Reason == evictedFor
	})
	if runs && !evicted {
		c.cancelled(pod)
	}
}

func (c *Controller) cancelled(pod *corev1.Pod) {
	c.Recorder.Eventf(pod, corev1.EventTypeNormal, "TaintManagerEviction", "Cancelling deletion of Pod %s/%s", pod.Namespace, pod.Name)
}

// evictedFor is the reason of the condition of pods whose time was over.
const evictedFor = "DeletionByTaintManager"

// keep remembers whose time runs, and reports those whose no longer does.
func (c *Controller) keep(node *corev1.Node, running map[types.UID]time.Time, pods []corev1.Pod) {
	c.mu.Lock()
	before := c.started[node.Name]
	if len(running) == 0 {
		delete(c.started, node.Name)
	} else {
		c.started[node.Name] = running
	}
	c.mu.Unlock()
	for i := range pods {
		_, was := before[pods[i].UID]
		if _, is := running[pods[i].UID]; was && !is && pods[i].DeletionTimestamp == nil {
			c.cancelled(&pods[i])
		}
	}
}

func (c *Controller) evict(ctx context.Context, pod *corev1.Pod, now time.Time) error {
	c.Recorder.Eventf(pod, corev1.EventTypeNormal, "TaintManagerEviction", "Marking for deletion Pod %s/%s", pod.Namespace, pod.Name)
	return podcontrol.Disrupt(ctx, c.Client, pod, corev1.PodCondition{Reason: evictedFor, Message: "Taint manager: deleting due to NoExecute taint"}, now)
}

// node maps a pod to its node.
func nodeOf(_ context.Context, obj client.Object) []reconcile.Request {
	pod, ok := obj.(*corev1.Pod)
	if !ok || pod.Spec.NodeName == "" {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Name: pod.Spec.NodeName}}}
}

// Register puts the controller on mgr. It wakes when a node's taints change, when a pod
// is bound to a node or its tolerations change, and when a tolerance is over.
func Register(ctx context.Context, mgr manager.Manager, deps kit.Deps) error {
	if err := podcontrol.IndexByNode(ctx, mgr); err != nil {
		return err
	}
	c := &Controller{
		Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "taint-eviction-controller"), Clock: deps.Clock, metrics: newMetrics(deps.Metrics),
		started: map[string]map[types.UID]time.Time{},
	}
	tainted := predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return len(noExecute(e.Object.(*corev1.Node))) > 0 },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return !equality.Semantic.DeepEqual(noExecute(e.ObjectOld.(*corev1.Node)), noExecute(e.ObjectNew.(*corev1.Node)))
		},
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	bound := predicate.Funcs{
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, after := e.ObjectOld.(*corev1.Pod), e.ObjectNew.(*corev1.Pod)
			return before.Spec.NodeName != after.Spec.NodeName ||
				!equality.Semantic.DeepEqual(before.Spec.Tolerations, after.Spec.Tolerations)
		},
		DeleteFunc: func(e event.DeleteEvent) bool {
			c.ended(e.Object.(*corev1.Pod))
			return false
		},
	}
	return kit.New(mgr, Name).
		For(&corev1.Node{}, builder.WithPredicates(tainted)).
		Watches(&corev1.Pod{}, handler.EnqueueRequestsFromMapFunc(nodeOf), builder.WithPredicates(bound)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
