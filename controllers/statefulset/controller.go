package statefulset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
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
const Name = "statefulset"

var kind = appsv1.SchemeGroupVersion.WithKind("StatefulSet")

// Controller reconciles stateful sets.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
	Pending  *podcontrol.Pending
	Claimer  podcontrol.Claimer
	History  revision.History
	Clock    clock.PassiveClock
}

// Reconcile takes a stateful set to its next state.
func (c *Controller) Reconcile(ctx context.Context, set *appsv1.StatefulSet) (reconcile.Result, error) {
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil || selector.Empty() {
		return reconcile.Result{}, nil
	}
	owner := podcontrol.Owner{Object: set, GVK: kind, Selector: selector}
	update, old, err := c.History.Current(ctx, revision.Wanted{
		Owner: owner, Template: &set.Spec.Template, Label: revisionLabel, Collisions: set.Status.CollisionCount,
	})
	if errors.Is(err, revision.ErrCollision) {
		return patch.Result(reconcile.Result{}, c.collided(ctx, set))
	}
	if err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	if set.DeletionTimestamp != nil && update.UID == "" { // the collector took it, and it is not made again
		update.Name = cmp.Or(set.Status.UpdateRevision, update.Name)
	}
	current := named(old, set.Status.CurrentRevision, update)
	seen := c.Pending.Seen()
	pods, err := c.Claimer.Pods(ctx, owner)
	if err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	todo := (&look{set: set, current: current.Name, update: update.Name, pods: pods, now: c.Clock.Now()}).makePlan()
	var errs []error
	if podcontrol.Settled(c.Pending, set.UID, seen, pods) {
		errs = append(errs, c.act(ctx, owner, set, revisions{current, update}, todo))
	} else {
		todo.wait = kit.Sooner(todo.wait, 30*time.Second) // the watch wakes sooner
	}
	errs = append(errs, c.History.Truncate(ctx, old, set.Spec.RevisionHistoryLimit, usedBy(pods, current)))
	_, err = patch.Status(ctx, c.Client, set, func(changed *appsv1.StatefulSet) { changed.Status = todo.status })
	if err := errors.Join(errs...); err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	return patch.Result(kit.After(todo.wait), err)
}

// named finds a revision of the history, or falls back.
func named(old []*appsv1.ControllerRevision, name string, fallback *appsv1.ControllerRevision) *appsv1.ControllerRevision {
	for _, candidate := range old {
		if candidate.Name == name {
			return candidate
		}
	}
	return fallback
}

func usedBy(pods []*corev1.Pod, current *appsv1.ControllerRevision) func(*appsv1.ControllerRevision) bool {
	used := map[string]bool{current.Name: true}
	for _, pod := range pods {
		used[pod.Labels[revision.HashLabel]] = true
	}
	return func(rev *appsv1.ControllerRevision) bool { return used[rev.Name] }
}

func (c *Controller) collided(ctx context.Context, set *appsv1.StatefulSet) error {
	_, err := patch.Status(ctx, c.Client, set, func(changed *appsv1.StatefulSet) {
		changed.Status.CollisionCount = ptr.To(ptr.Deref(changed.Status.CollisionCount, 0) + 1)
	})
	return err
}

// revisions are the two that pods of a set are made of: the one that it has and the one that it is to have.
type revisions struct{ current, update *appsv1.ControllerRevision }

// template is that of the pods of a revision.
func (r revisions) template(set *appsv1.StatefulSet, name string) (*corev1.PodTemplateSpec, error) {
	if name == r.current.Name && name != r.update.Name {
		return revision.Template(r.current)
	}
	return &set.Spec.Template, nil
}

// act does what the plan says. What fails holds nothing else up.
func (c *Controller) act(ctx context.Context, owner podcontrol.Owner, set *appsv1.StatefulSet, of revisions, todo plan) error {
	var errs []error
	for _, ordinal := range todo.claims {
		errs = append(errs, c.ensureClaims(ctx, owner, set, ordinal))
	}
	for _, pod := range todo.keep {
		errs = append(errs, c.keep(ctx, owner, set, pod))
	}
	for _, what := range todo.remove {
		errs = append(errs, c.remove(ctx, owner, set, what))
	}
	errs = append(errs, podcontrol.CreateMany(len(todo.create), func(i int) error {
		return c.create(ctx, owner, set, of, todo.create[i])
	}))
	return errors.Join(errs...)
}

func (c *Controller) create(ctx context.Context, owner podcontrol.Owner, set *appsv1.StatefulSet, of revisions, what creation) error {
	template, err := of.template(set, what.revision)
	if err != nil {
		return err
	}
	if stale, err := c.staleClaims(ctx, set, what.ordinal); stale || err != nil {
		return err // the claim's end wakes us, or that of what it says of the pod
	}
	pod := podFor(owner, set, template, what.revision, what.ordinal)
	err = c.ensureClaims(ctx, owner, set, what.ordinal)
	if err == nil {
		err = c.Client.Create(ctx, pod)
	}
	if !apierrors.IsAlreadyExists(err) { // of a name that was taken nobody is told
		c.report(set, "Create", pod.Name, err)
	}
	if err != nil {
		return fmt.Errorf("creating pod %s: %w", pod.Name, err)
	}
	c.Pending.Created(set.UID, pod)
	return nil
}

// keep gives a pod back the labels of its name, and its claims to who they are to go with.
func (c *Controller) keep(ctx context.Context, owner podcontrol.Owner, set *appsv1.StatefulSet, pod *corev1.Pod) error {
	changed, err := c.ownClaims(ctx, owner, set, pod, false)
	if err == nil && pod.DeletionTimestamp == nil && pod.Labels[appsv1.StatefulSetPodNameLabel] != pod.Name {
		ordinal, _ := ordinalOf(set, pod)
		_, changed, err = patch.Object(ctx, c.Client, pod, func(changed *corev1.Pod) { identify(changed, ordinal) })
	}
	if changed || err != nil {
		c.report(set, "Update", pod.Name, err)
	}
	return err
}

func (c *Controller) remove(ctx context.Context, owner podcontrol.Owner, set *appsv1.StatefulSet, what removal) error {
	pod := what.pod
	if what.scaled {
		if _, err := c.ownClaims(ctx, owner, set, pod, true); err != nil {
			return err
		}
	}
	err := client.IgnoreNotFound(c.Client.Delete(ctx, pod, client.Preconditions{UID: &pod.UID}))
	c.report(set, "Delete", pod.Name, err)
	if err != nil {
		return fmt.Errorf("deleting pod %s: %w", pod.Name, err)
	}
	c.Pending.Deleted(set.UID, pod.UID)
	return nil
}

// report records an event for what was done to a pod: verb is Create, Update or Delete.
func (c *Controller) report(set *appsv1.StatefulSet, verb, pod string, err error) {
	if err != nil {
		c.Recorder.Eventf(set, corev1.EventTypeWarning, "Failed"+verb, "%s Pod %s in StatefulSet %s failed error: %s", verb, pod, set.Name, err)
		return
	}
	c.Recorder.Eventf(set, corev1.EventTypeNormal, "Successful"+verb, "%s Pod %s in StatefulSet %s successful", verb, pod, set.Name)
}

// Register puts the controller on mgr. It wakes when a stateful set, one of its pods or
// one of its revisions changes, and when a claim of one of its pods is gone, or has an
// owner less.
func Register(ctx context.Context, mgr manager.Manager, deps kit.Deps) error {
	wanting := podcontrol.Wanting(mgr.GetCache(), &appsv1.StatefulSet{}, func(owner *appsv1.StatefulSet) *metav1.LabelSelector {
		return owner.Spec.Selector
	})
	for _, obj := range []client.Object{&corev1.Pod{}, &appsv1.ControllerRevision{}} {
		if err := podcontrol.IndexByOwner(ctx, mgr, obj); err != nil {
			return err
		}
	}
	claimer := podcontrol.Claimer{Client: mgr.GetClient(), Live: mgr.GetAPIReader()}
	c := &Controller{
		Client:   mgr.GetClient(),
		Recorder: kit.Recorder(mgr, "statefulset-controller"),
		Pending:  podcontrol.NewPending(),
		Claimer:  podcontrol.Claimer{Client: claimer.Client, Live: claimer.Live, Member: isMember},
		History:  revision.History{Client: mgr.GetClient(), Claimer: claimer},
		Clock:    deps.Clock,
	}
	pods := podcontrol.Handler{Owner: kind.GroupKind(), Pending: c.Pending, Orphan: wanting}
	revisions := podcontrol.Handler{Owner: kind.GroupKind()}
	freed := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return len(e.ObjectNew.GetOwnerReferences()) < len(e.ObjectOld.GetOwnerReferences())
		},
	}
	return kit.New(mgr, Name).
		For(&appsv1.StatefulSet{}, builder.WithPredicates(c.Pending.ForgetDeleted())).
		Watches(&corev1.Pod{}, pods.EventHandler()).
		Watches(&appsv1.ControllerRevision{}, revisions.EventHandler()).
		Watches(&corev1.PersistentVolumeClaim{}, handler.EnqueueRequestsFromMapFunc(claiming(mgr.GetCache())), builder.WithPredicates(freed)).
		Skipped(kit.StaleSkips(deps.Metrics, "statefulset_controller_", "StatefulSet")).
		Complete(reconcile.AsReconciler(c.Client, c))
}
