package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Name is the controller's name in the list of all.
const Name = "job"

var kind = batchv1.SchemeGroupVersion.WithKind("Job")

// Controller reconciles jobs.
type Controller struct {
	Client  client.Client
	Pods    podcontrol.Pods
	Claimer podcontrol.Claimer
	Clock   clock.PassiveClock
	metrics *metrics
}

// Reconcile counts what ended, and creates and deletes pods as the job needs them.
func (c *Controller) Reconcile(ctx context.Context, job *batchv1.Job) (reconcile.Result, error) {
	if by := job.Spec.ManagedBy; by != nil && *by != batchv1.JobControllerName {
		return reconcile.Result{}, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(job.Spec.Selector)
	if err != nil || selector.Empty() {
		return reconcile.Result{}, nil
	}
	owner := podcontrol.Owner{Object: job, GVK: kind, Selector: selector}
	seen := c.Pods.Pending.Seen()
	pods, err := c.Claimer.Pods(ctx, owner)
	if err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	settled := podcontrol.Settled(c.Pods.Pending, job.UID, seen, pods)
	began := c.Clock.Now()
	todo := makePlan(job, pods, settled, began)
	err = c.carryOut(ctx, owner, job, todo)
	c.metrics.synced(job, actionOf(&todo, settled), c.Clock.Since(began), err)
	return patch.Result(kit.After(todo.wait), err)
}

// carryOut puts the status of a plan on record, then does the rest.
func (c *Controller) carryOut(ctx context.Context, owner podcontrol.Owner, job *batchv1.Job, todo plan) error {
	wrote, err := patch.Status(ctx, c.Client, job, func(changed *batchv1.Job) { changed.Status = todo.status })
	if err != nil {
		return err
	}
	if wrote {
		c.metrics.wrote(job, &todo.status)
		for _, event := range todo.events {
			c.Pods.Recorder.Event(job, event.kind, event.reason, event.message)
		}
	}
	return c.act(ctx, owner, job, todo)
}

// act does to the pods what the plan says. The status is on record by now.
func (c *Controller) act(ctx context.Context, owner podcontrol.Owner, job *batchv1.Job, todo plan) error {
	var errs []error
	for _, pod := range todo.release {
		err := release(ctx, c.Client, pod)
		if err == nil {
			c.metrics.released(job, pod)
		}
		errs = append(errs, err)
	}
	if todo.forgive {
		for _, pod := range todo.remove {
			errs = append(errs, release(ctx, c.Client, pod))
		}
	}
	errs = append(errs, c.Pods.DeleteMany(ctx, owner, todo.remove))
	if len(todo.create) > 0 && len(todo.release) > 0 && c.outdated(ctx, job, todo.running) {
		return errors.Join(errs...) // that wakes the job, and may be its end
	}
	errs = append(errs, podcontrol.CreateMany(len(todo.create), func(i int) error {
		err := c.Pods.Create(ctx, owner, podFor(owner, job, todo.create[i]))
		c.metrics.create(job, &todo.status, err)
		return err
	}))
	return errors.Join(errs...)
}

// outdated says whether one of the pods that ran when a plan was made has ended since: putting a status on record takes a while, and pods that
// end together do not do so at the same moment.
func (c *Controller) outdated(ctx context.Context, job *batchv1.Job, running []*corev1.Pod) bool {
	pods, err := podcontrol.ListPods(ctx, c.Client, job.Namespace, string(job.UID))
	if err != nil {
		return false
	}
	still := map[types.UID]bool{}
	for _, pod := range pods {
		still[pod.UID] = podcontrol.IsActive(pod)
	}
	return slices.ContainsFunc(running, func(pod *corev1.Pod) bool { return !still[pod.UID] })
}

// release removes the finalizer of a pod that is on record.
func release(ctx context.Context, c client.Client, pod *corev1.Pod) error {
	body, err := json.Marshal(map[string]any{"metadata": map[string]any{
		"uid": pod.UID, "$deleteFromPrimitiveList/finalizers": []string{batchv1.JobTrackingFinalizer},
	}})
	if err != nil {
		return fmt.Errorf("encoding patch: %w", err)
	}
	err = c.Patch(ctx, pod.DeepCopy(), client.RawPatch(types.StrategicMergePatchType, body))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("removing finalizer of pod %s: %w", pod.Name, err)
	}
	return nil
}

// Register puts the controller on mgr. It wakes when a job or one of its pods changes,
// and when a deadline or delay is over. Beside it, orphans.go frees the pods of jobs that
// are gone.
func Register(ctx context.Context, mgr manager.Manager, deps kit.Deps) error {
	wanting := podcontrol.Wanting(mgr.GetCache(), &batchv1.Job{}, func(owner *batchv1.Job) *metav1.LabelSelector {
		return owner.Spec.Selector
	})
	if err := podcontrol.IndexByOwner(ctx, mgr, &corev1.Pod{}); err != nil {
		return err
	}
	pending := podcontrol.NewPending()
	c := &Controller{
		Client: mgr.GetClient(),
		Pods:   podcontrol.Pods{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "job-controller"), Pending: pending},
		Claimer: podcontrol.Claimer{
			Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Finalizer: batchv1.JobTrackingFinalizer,
		},
		Clock: deps.Clock, metrics: newMetrics(deps.Metrics),
	}
	seen := func(e event.CreateEvent) bool {
		c.metrics.foreign(e.Object)
		return true
	}
	forget := predicate.Funcs{CreateFunc: seen, DeleteFunc: kit.OnDelete(func(obj client.Object) { pending.Forget(obj.GetUID()) })}
	pods := podcontrol.Handler{Owner: kind.GroupKind(), Pending: pending, Orphan: wanting}
	err := kit.New(mgr, Name).
		For(&batchv1.Job{}, builder.WithPredicates(forget)).
		Watches(&corev1.Pod{}, pods.EventHandler(), builder.WithPredicates(c.metrics.watchFinalizers())).
		Skipped(kit.StaleSkips(deps.Metrics, "job_controller_", "Job")).
		Complete(reconcile.AsReconciler(c.Client, c))
	if err != nil {
		return err
	}
	return registerOrphans(mgr)
}
