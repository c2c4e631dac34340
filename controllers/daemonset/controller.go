package daemonset

import (
	"context"
	"errors"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
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
	"github.com/coxswain-k8s/coxswain/controllers/revision"
)

// Name is the controller's name in the list of all.
const Name = "daemonset"

var kind = appsv1.SchemeGroupVersion.WithKind("DaemonSet")

// Controller reconciles daemon sets.
type Controller struct {
	Client  client.Client
	Pods    podcontrol.Pods
	Claimer podcontrol.Claimer
	History revision.History
	Clock   clock.PassiveClock
	// Failures delays the replacement of pods that end at once.
	Failures *flowcontrol.Backoff
	boards   *boards
	// shared is what the cache holds of a pod: boards keep that, and no copy.
	shared func(context.Context, *corev1.Pod) *corev1.Pod
}

// Reconcile brings the nodes to one pod each, of the current template.
func (c *Controller) Reconcile(ctx context.Context, set *appsv1.DaemonSet) (reconcile.Result, error) {
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil || selector.Empty() {
		c.Pods.Recorder.Event(set, corev1.EventTypeWarning, "SelectingAll", "This daemon set is selecting all pods. A non-empty selector is required.")
		return reconcile.Result{}, nil
	}
	if set.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	owner := podcontrol.Owner{Object: set, GVK: kind, Selector: selector}
	current, old, err := c.History.Current(ctx, revision.Wanted{
		Owner: owner, Template: &set.Spec.Template, Label: revision.HashLabel, Collisions: set.Status.CollisionCount,
	})
	if errors.Is(err, revision.ErrCollision) {
		return patch.Result(reconcile.Result{}, c.collided(ctx, set))
	}
	if err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	now, seen := c.Clock.Now(), c.Pods.Pending.Seen() // before looking: what it has been told of is on the board
	board, err := c.look(ctx, owner, set, current.Labels[revision.HashLabel], now)
	if err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	todo := board.plan(set, now)
	var errs []error
	if podcontrol.SettledBy(c.Pods.Pending, set.UID, seen, board.has) {
		hold(c.Failures, set, &todo, now)
		errs = append(errs, c.act(ctx, owner, set, current, todo))
	} else {
		todo.wait = kit.Sooner(todo.wait, 30*time.Second) // the watch wakes sooner
	}
	errs = append(errs, c.History.Truncate(ctx, old, set.Spec.RevisionHistoryLimit, board.uses))
	_, err = patch.Status(ctx, c.Client, set, func(changed *appsv1.DaemonSet) { changed.Status = todo.status })
	if err := errors.Join(errs...); err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	return patch.Result(kit.After(todo.wait), err)
}

func (c *Controller) collided(ctx context.Context, set *appsv1.DaemonSet) error {
	_, err := patch.Status(ctx, c.Client, set, func(changed *appsv1.DaemonSet) {
		changed.Status.CollisionCount = ptr.To(ptr.Deref(changed.Status.CollisionCount, 0) + 1)
	})
	return err
}

func (c *Controller) act(ctx context.Context, owner podcontrol.Owner, set *appsv1.DaemonSet, current *appsv1.ControllerRevision, todo plan) error {
	for _, pod := range todo.ended {
		reason, kind, found := "FailedDaemonPod", corev1.EventTypeWarning, "failed"
		if pod.Status.Phase == corev1.PodSucceeded {
			reason, kind, found = "SucceededDaemonPod", corev1.EventTypeNormal, "succeeded"
		}
		c.Pods.Recorder.Eventf(set, kind, reason, "Found %s daemon pod %s/%s on node %s, will try to %s it",
			found, pod.Namespace, pod.Name, pod.Spec.NodeName, map[string]string{"failed": "kill", "succeeded": "delete"}[found])
	}
	removeErr := c.Pods.DeleteMany(ctx, owner, todo.remove)
	createErr := podcontrol.CreateMany(min(len(todo.create), podcontrol.Burst), func(i int) error {
		return c.Pods.Create(ctx, owner, podFor(owner, set, current, todo.create[i]))
	})
	return errors.Join(removeErr, createErr)
}

// podFor returns the pod of the current revision for a node.
func podFor(owner podcontrol.Owner, set *appsv1.DaemonSet, current *appsv1.ControllerRevision, node string) *corev1.Pod {
	pod := podcontrol.FromTemplate(owner, &set.Spec.Template)
	if pod.Labels == nil {
		pod.Labels = map[string]string{}
	}
	pod.Labels[revision.HashLabel] = current.Labels[revision.HashLabel]
	if generation, ok := set.Annotations[appsv1.DeprecatedTemplateGeneration]; ok {
		pod.Labels["pod-template-generation"] = generation
	}
	addTolerations(&pod.Spec)
	pinTo(&pod.Spec, node)
	return pod
}

// all lists the daemon sets: a node that came or changed may concern each.
func (c *Controller) all(ctx context.Context, node client.Object) []reconcile.Request {
	c.boards.node(node.GetName())
	var list appsv1.DaemonSetList
	if err := c.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
	}
	return requests
}

// Register puts the controller on mgr. It wakes when a daemon set, one of its pods or
// revisions, or the labels or taints of any node change.
func Register(ctx context.Context, mgr manager.Manager, deps kit.Deps) error {
	wanting := podcontrol.Wanting(mgr.GetCache(), &appsv1.DaemonSet{}, func(owner *appsv1.DaemonSet) *metav1.LabelSelector {
		return owner.Spec.Selector
	})
	for _, obj := range []client.Object{&corev1.Pod{}, &appsv1.ControllerRevision{}} {
		if err := podcontrol.IndexByOwner(ctx, mgr, obj); err != nil {
			return err
		}
	}
	if err := indexByPlace(ctx, mgr); err != nil {
		return err
	}
	pending := podcontrol.NewPending()
	claimer := podcontrol.Claimer{Client: mgr.GetClient(), Live: mgr.GetAPIReader()}
	c := &Controller{
		Client:   mgr.GetClient(),
		Pods:     podcontrol.Pods{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "daemonset-controller"), Pending: pending},
		Claimer:  claimer,
		History:  revision.History{Client: mgr.GetClient(), Claimer: claimer},
		Clock:    deps.Clock,
		Failures: flowcontrol.NewBackOff(firstDelay, maxDelay), boards: newBoards(), shared: kit.Shared(mgr.GetCache(), &corev1.Pod{}),
	}
	forget := predicate.Funcs{DeleteFunc: kit.OnDelete(func(obj client.Object) {
		pending.Forget(obj.GetUID())
		c.boards.forget(obj)
	})}
	placement := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*corev1.Node), e.ObjectNew.(*corev1.Node)
		return !equality.Semantic.DeepEqual(before.Labels, after.Labels) ||
			!equality.Semantic.DeepEqual(before.Spec.Taints, after.Spec.Taints)
	}}
	pods := podcontrol.Handler{Owner: kind.GroupKind(), Pending: pending, Orphan: func(ctx context.Context, pod client.Object) []types.NamespacedName {
		sets := wanting(ctx, pod)
		c.boards.orphan(sets)
		return sets
	}}
	revisions := podcontrol.Handler{Owner: kind.GroupKind()}
	return kit.New(mgr, Name).
		For(&appsv1.DaemonSet{}, builder.WithPredicates(forget)).
		Watches(&corev1.Pod{}, noting{pods.EventHandler(), c.boards}).
		Watches(&appsv1.ControllerRevision{}, revisions.EventHandler()).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(c.all), builder.WithPredicates(placement)).
		Skipped(kit.StaleSkips(deps.Metrics, "daemonset_controller_", "DaemonSet")).
		Complete(reconcile.AsReconciler(c.Client, c))
}
