package podgc

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
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
const Name = "podgc"

const (
	// quarantine is how long a node must be gone before its pods are believed to be.
	quarantine = 40 * time.Second
	// ending is how long a pod without a node may take to go. It is marked first and removed with the next write, so that nearly none is still
	// there then: one with finalizers, or whose removal was cut off. Upstream looks every so often.
	ending = 20 * time.Second
)

// Controller collects pods.
type Controller struct {
	Client client.Client
	// Live reads past the cache: a node is looked for again before its pods are deleted.
	Live  client.Reader
	Clock clock.PassiveClock
	// Keep is how many finished pods may stay.
	Keep int

	metrics  *metrics
	mu       sync.Mutex
	finished map[types.UID]struct{}
	missing  map[string]time.Time // nodes, since when
}

// Reconcile deletes pod if it is left over.
func (c *Controller) Reconcile(ctx context.Context, pod *corev1.Pod) (reconcile.Result, error) {
	if pod.Spec.NodeName == "" {
		if pod.DeletionTimestamp == nil {
			return c.thinOut(ctx, pod)
		}
		if wait := pod.DeletionTimestamp.Add(ending).Sub(c.Clock.Now()); wait > 0 {
			return kit.After(wait), nil
		}
		if podcontrol.IsFinished(pod) && len(pod.Finalizers) > 0 {
			return reconcile.Result{}, nil // it is the turn of whoever holds them
		}
		return patch.Result(reconcile.Result{}, c.remove(ctx, pod, unscheduled))
	}
	wait, err := c.nodeGone(ctx, pod.Spec.NodeName)
	if err != nil || wait > 0 {
		return kit.After(wait), err
	}
	if wait == 0 {
		return patch.Result(reconcile.Result{}, c.remove(ctx, pod, orphaned))
	}
	if c.outOfService(ctx, pod) {
		return patch.Result(reconcile.Result{}, c.remove(ctx, pod, outOfService))
	}
	return c.thinOut(ctx, pod)
}

// nodeGone is zero when the node has been gone for long enough, how long to wait when it
// has not, and negative when it is there.
func (c *Controller) nodeGone(ctx context.Context, name string) (time.Duration, error) {
	err := c.Client.Get(ctx, client.ObjectKey{Name: name}, &corev1.Node{})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		delete(c.missing, name)
		return -1, nil
	}
	if !apierrors.IsNotFound(err) {
		return 0, fmt.Errorf("reading node: %w", err)
	}
	since, known := c.missing[name]
	if !known {
		c.missing[name] = c.Clock.Now()
		return quarantine, nil
	}
	if wait := since.Add(quarantine).Sub(c.Clock.Now()); wait > 0 {
		return wait, nil
	}
	err = c.Live.Get(ctx, client.ObjectKey{Name: name}, &corev1.Node{})
	if apierrors.IsNotFound(err) {
		return 0, nil
	}
	delete(c.missing, name)
	return -1, err
}

// outOfService says whether a pod is terminating on a node that an administrator has
// declared dead.
func (c *Controller) outOfService(ctx context.Context, pod *corev1.Pod) bool {
	if pod.DeletionTimestamp == nil {
		return false
	}
	node := &corev1.Node{}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: pod.Spec.NodeName}, node); err != nil {
		return false
	}
	ready := slices.ContainsFunc(node.Status.Conditions, func(condition corev1.NodeCondition) bool {
		return condition.Type == corev1.NodeReady && condition.Status == corev1.ConditionTrue
	})
	return !ready && slices.ContainsFunc(node.Spec.Taints, func(taint corev1.Taint) bool {
		return taint.Key == corev1.TaintNodeOutOfService
	})
}

// remove deletes a pod at once. One that is disrupted by it fails first, and says why.
func (c *Controller) remove(ctx context.Context, pod *corev1.Pod, reason string) error {
	if !podcontrol.IsFinished(pod) {
		err := patch.StatusFields(ctx, c.Client, pod, func(changed *corev1.Pod) {
			changed.Status.Phase = corev1.PodFailed
			if reason == orphaned {
				podcontrol.SetCondition(&changed.Status, corev1.PodCondition{
					Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "DeletionByPodGC", Message: "PodGC: node no longer exists",
					ObservedGeneration: changed.Generation,
				}, c.Clock.Now())
			}
		})
		if err != nil {
			return err
		}
	}
	err := c.Client.Delete(ctx, pod, client.GracePeriodSeconds(0), client.Preconditions{UID: &pod.UID})
	if err != nil {
		return fmt.Errorf("deleting left over pod %s: %w", pod.Name, err)
	}
	c.metrics.deleted(pod, reason)
	return nil
}

// thinOut deletes the oldest finished pods when there are more than may stay.
func (c *Controller) thinOut(ctx context.Context, pod *corev1.Pod) (reconcile.Result, error) {
	c.mu.Lock()
	excess := len(c.finished) - c.Keep
	c.mu.Unlock()
	if excess <= 0 || !podcontrol.IsFinished(pod) {
		return reconcile.Result{}, nil
	}
	var list corev1.PodList
	if err := c.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return reconcile.Result{}, fmt.Errorf("listing pods: %w", err)
	}
	for _, oldest := range surplus(list.Items, c.Keep) {
		if err := client.IgnoreNotFound(c.remove(ctx, oldest, terminated)); err != nil {
			return patch.Result(reconcile.Result{}, err)
		}
	}
	return reconcile.Result{}, nil
}

// surplus returns the oldest finished pods beyond those that may stay.
func surplus(pods []corev1.Pod, keep int) []*corev1.Pod {
	var finished []*corev1.Pod
	for i := range pods {
		if podcontrol.IsFinished(&pods[i]) && pods[i].DeletionTimestamp == nil {
			finished = append(finished, &pods[i])
		}
	}
	if len(finished) <= keep {
		return nil
	}
	slices.SortStableFunc(finished, func(a, b *corev1.Pod) int {
		return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	return finished[:len(finished)-keep]
}

// relevant keeps the count of finished pods, and lets through the pods that may be left
// over.
func (c *Controller) relevant(obj client.Object, gone bool) bool {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return false
	}
	finished := podcontrol.IsFinished(pod) && !gone
	c.mu.Lock()
	if finished {
		c.finished[pod.UID] = struct{}{}
	} else {
		delete(c.finished, pod.UID)
	}
	over := len(c.finished) > c.Keep
	c.mu.Unlock()
	if gone {
		return false
	}
	if pod.Spec.NodeName == "" {
		return pod.DeletionTimestamp != nil || (finished && over)
	}
	return pod.DeletionTimestamp != nil || (finished && over) || c.unknownNode(pod.Spec.NodeName)
}

func (c *Controller) unknownNode(name string) bool {
	err := c.Client.Get(context.Background(), client.ObjectKey{Name: name}, &corev1.Node{})
	return apierrors.IsNotFound(err)
}

// podsOf wakes the pods of a node that is gone, or declared dead.
func (c *Controller) podsOf(ctx context.Context, node client.Object) []reconcile.Request {
	var list corev1.PodList
	err := c.Client.List(ctx, &list, client.MatchingFields{kit.NodeIndex: node.GetName()}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return nil
	}
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
	}
	return requests
}

// Register puts the controller on mgr. It wakes when a pod is deleted or finishes while
// too many have, when one names a node that is not there, and when a node goes.
func Register(ctx context.Context, mgr manager.Manager, deps kit.Deps) error {
	if err := podcontrol.IndexByNode(ctx, mgr); err != nil {
		return err
	}
	c := &Controller{
		Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: deps.Clock, Keep: deps.TerminatedPods, metrics: newMetrics(deps.Metrics),
		finished: map[types.UID]struct{}{}, missing: map[string]time.Time{},
	}
	pods := predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return c.relevant(e.Object, false) },
		UpdateFunc: func(e event.UpdateEvent) bool { return c.relevant(e.ObjectNew, false) },
		DeleteFunc: func(e event.DeleteEvent) bool { return c.relevant(e.Object, true) },
	}
	nodes := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return len(e.ObjectNew.(*corev1.Node).Spec.Taints) > len(e.ObjectOld.(*corev1.Node).Spec.Taints)
		},
	}
	return kit.New(mgr, Name).
		For(&corev1.Pod{}, builder.WithPredicates(pods)).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(c.podsOf), builder.WithPredicates(nodes)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
