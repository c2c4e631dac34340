package cronjob

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	schedule "github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/job"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Name is the controller's name in the list of all.
const Name = "cronjob"

var kind = batchv1.SchemeGroupVersion.WithKind("CronJob")

// Controller reconciles cron jobs.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
	metrics  *metrics
}

// Reconcile takes note of jobs that ended, and creates the job whose time has come.
func (c *Controller) Reconcile(ctx context.Context, cron *batchv1.CronJob) (reconcile.Result, error) {
	var list batchv1.JobList
	err := c.Client.List(ctx, &list, client.InNamespace(cron.Namespace),
		client.MatchingFields{kit.OwnerIndex: string(cron.UID)}, client.UnsafeDisableDeepCopy)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("listing jobs: %w", err)
	}
	status := cron.Status.DeepCopy()
	c.review(cron, list.Items, status)
	wait := time.Duration(0)
	var startErr error
	if cron.DeletionTimestamp == nil {
		startErr = c.prune(ctx, cron, list.Items)
		if startErr == nil {
			wait, startErr = c.start(ctx, cron, list.Items, status)
		}
	}
	_, err = patch.Status(ctx, c.Client, cron, func(changed *batchv1.CronJob) { changed.Status = *status })
	return patch.Result(kit.After(wait), cmp.Or(startErr, err))
}

// review brings the list of active jobs up to date. What is in it stays as it is, in its order: a job that gets on is no change. A job
// that somebody else has made in the name of the cron job is no run of it.
func (c *Controller) review(cron *batchv1.CronJob, jobs []batchv1.Job, status *batchv1.CronJobStatus) {
	running := map[types.UID]bool{}
	var others []corev1.ObjectReference
	for i := range jobs {
		one := &jobs[i]
		known := slices.ContainsFunc(status.Active, func(ref corev1.ObjectReference) bool { return ref.UID == one.UID })
		if !job.Finished(one) {
			running[one.UID] = true
			switch {
			case known:
			case runOf(cron, one): // and could not be noted then
				others = append(others, reference(one))
			default:
				c.Recorder.Eventf(cron, corev1.EventTypeWarning, "UnexpectedJob", "Saw a job that the controller did not create or forgot: %s", one.Name)
			}
			continue
		}
		if known {
			c.Recorder.Eventf(cron, corev1.EventTypeNormal, "SawCompletedJob", "Saw completed job: %s, condition: %v", one.Name, ended(one))
		}
		if at := one.Status.CompletionTime; ended(one) == batchv1.JobComplete && at != nil &&
			(status.LastSuccessfulTime == nil || at.After(status.LastSuccessfulTime.Time)) {
			status.LastSuccessfulTime = at
		}
	}
	slices.SortFunc(others, func(a, b corev1.ObjectReference) int { return cmp.Compare(a.Name, b.Name) })
	status.Active = append(slices.DeleteFunc(status.Active, func(ref corev1.ObjectReference) bool { return !running[ref.UID] }), others...)
}

func ended(one *batchv1.Job) batchv1.JobConditionType {
	for _, condition := range one.Status.Conditions {
		final := condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed
		if final && condition.Status == corev1.ConditionTrue {
			return condition.Type
		}
	}
	return ""
}

func reference(one *batchv1.Job) corev1.ObjectReference {
	return corev1.ObjectReference{
		Kind: "Job", APIVersion: batchv1.SchemeGroupVersion.String(),
		Namespace: one.Namespace, Name: one.Name, UID: one.UID, ResourceVersion: one.ResourceVersion,
	}
}

// prune deletes the oldest finished jobs beyond the history that is kept.
func (c *Controller) prune(ctx context.Context, cron *batchv1.CronJob, jobs []batchv1.Job) error {
	limits := map[batchv1.JobConditionType]*int32{
		batchv1.JobComplete: cron.Spec.SuccessfulJobsHistoryLimit, batchv1.JobFailed: cron.Spec.FailedJobsHistoryLimit,
	}
	for outcome, limit := range limits {
		if limit == nil {
			continue
		}
		var done []*batchv1.Job
		for i := range jobs {
			if ended(&jobs[i]) == outcome && jobs[i].DeletionTimestamp == nil {
				done = append(done, &jobs[i])
			}
		}
		slices.SortFunc(done, func(a, b *batchv1.Job) int {
			return cmp.Or(a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
		})
		for _, old := range done[:max(len(done)-int(max(*limit, 0)), 0)] {
			if err := c.delete(ctx, cron, old); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *Controller) delete(ctx context.Context, cron *batchv1.CronJob, one *batchv1.Job) error {
	err := c.Client.Delete(ctx, one, client.PropagationPolicy(metav1.DeletePropagationBackground), client.Preconditions{UID: &one.UID})
	if client.IgnoreNotFound(err) != nil {
		c.Recorder.Eventf(cron, corev1.EventTypeWarning, "FailedDelete", "Deleted job: %v", err)
		return fmt.Errorf("deleting job %s: %w", one.Name, err)
	}
	c.Recorder.Eventf(cron, corev1.EventTypeNormal, "SuccessfulDelete", "Deleted job %v", one.Name)
	return nil
}

// start creates the job that is due, if it may, and says when the next one is.
func (c *Controller) start(ctx context.Context, cron *batchv1.CronJob, jobs []batchv1.Job, status *batchv1.CronJobStatus) (time.Duration, error) {
	if ptr.Deref(cron.Spec.Suspend, false) {
		return 0, nil
	}
	zone, err := location(cron)
	if err != nil {
		c.Recorder.Eventf(cron, corev1.EventTypeWarning, "UnknownTimeZone", "invalid timeZone: %q: %s", ptr.Deref(cron.Spec.TimeZone, ""), errors.Unwrap(err))
		return 0, nil
	}
	times, err := schedule.ParseStandard(cron.Spec.Schedule)
	if err != nil {
		c.Recorder.Eventf(cron, corev1.EventTypeWarning, "UnparseableSchedule", "unparseable schedule: %q : %s", cron.Spec.Schedule, err)
		return 0, nil
	}
	now := c.Clock.Now().In(zone)
	at, next, many, err := due(cron, times, now)
	if err != nil {
		c.Recorder.Eventf(cron, corev1.EventTypeWarning, "InvalidSchedule", "invalid schedule: %s : %s", cron.Spec.Schedule, err)
		return 0, nil
	}
	wait := time.Duration(0)
	if !next.IsZero() {
		wait = max(next.Sub(c.Clock.Now())+100*time.Millisecond, time.Millisecond)
	}
	if many {
		c.Recorder.Event(cron, corev1.EventTypeWarning, "TooManyMissedTimes", "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew")
	}
	if at.IsZero() {
		return wait, nil
	}
	if deadline := cron.Spec.StartingDeadlineSeconds; deadline != nil && at.Add(time.Duration(*deadline)*time.Second).Before(now) {
		c.Recorder.Eventf(cron, corev1.EventTypeWarning, "MissSchedule", "Missed scheduled time to start a job: %s", at.UTC().Format(time.RFC1123Z))
		return wait, nil
	}
	if len(status.Active) > 0 {
		switch cron.Spec.ConcurrencyPolicy {
		case batchv1.ForbidConcurrent:
			c.Recorder.Event(cron, corev1.EventTypeNormal, "JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid")
			return wait, nil
		case batchv1.ReplaceConcurrent:
			if err := c.replace(ctx, cron, jobs, status); err != nil {
				return wait, err
			}
		}
	}
	return wait, c.create(ctx, cron, at, status)
}

func (c *Controller) replace(ctx context.Context, cron *batchv1.CronJob, jobs []batchv1.Job, status *batchv1.CronJobStatus) error {
	for i := range jobs {
		if !job.Finished(&jobs[i]) && jobs[i].DeletionTimestamp == nil {
			if err := c.delete(ctx, cron, &jobs[i]); err != nil {
				return err
			}
		}
	}
	status.Active = nil
	return nil
}

func (c *Controller) create(ctx context.Context, cron *batchv1.CronJob, at time.Time, status *batchv1.CronJobStatus) error {
	made := jobFor(cron, at)
	err := c.Client.Create(ctx, made)
	switch {
	case err == nil:
		c.metrics.created(c.Clock.Since(at))
		c.Recorder.Eventf(cron, corev1.EventTypeNormal, "SuccessfulCreate", "Created job %v", made.Name)
		status.Active = append(status.Active, reference(made))
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return err
	case !apierrors.IsAlreadyExists(err): // it was made before we could note it
		c.Recorder.Eventf(cron, corev1.EventTypeWarning, "FailedCreate", "Error creating job: %v", err)
		return fmt.Errorf("creating job: %w", err)
	}
	served := metav1.NewTime(at)
	status.LastScheduleTime = &served
	return nil
}

// owner maps a job to its cron job.
func owner(_ context.Context, obj client.Object) []reconcile.Request {
	ref := metav1.GetControllerOfNoCopy(obj)
	if ref == nil || ref.Kind != kind.Kind || ref.APIVersion != kind.GroupVersion().String() {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: ref.Name}}}
}

// Register puts the controller on mgr. It wakes when a cron job or one of its jobs
// changes, and at the times of the schedule.
func Register(ctx context.Context, mgr manager.Manager, deps kit.Deps) error {
	if err := podcontrol.IndexByOwner(ctx, mgr, &batchv1.Job{}); err != nil {
		return err
	}
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "cronjob-controller"), Clock: deps.Clock, metrics: newMetrics(deps.Metrics)}
	return kit.New(mgr, Name).
		For(&batchv1.CronJob{}).
		Watches(&batchv1.Job{}, handler.EnqueueRequestsFromMapFunc(owner)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
