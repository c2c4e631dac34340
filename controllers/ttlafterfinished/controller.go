package ttlafterfinished

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "ttlafterfinished"

// Controller deletes finished jobs.
type Controller struct {
	Client client.Client
	// Live reads past the cache: the time to live may have been extended.
	Live  client.Reader
	Clock clock.PassiveClock

	metrics *metrics
}

// Reconcile deletes job if its time is over, or wakes again when it will be.
func (c *Controller) Reconcile(ctx context.Context, job *batchv1.Job) (reconcile.Result, error) {
	if left, limited := c.left(job); !limited || left > 0 {
		return kit.After(left), nil
	}
	fresh := &batchv1.Job{}
	if err := c.Live.Get(ctx, client.ObjectKeyFromObject(job), fresh); err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	left, limited := c.left(fresh)
	if !limited || left > 0 || fresh.UID != job.UID {
		return reconcile.Result{}, nil // its event is on the way
	}
	err := c.Client.Delete(ctx, fresh, client.PropagationPolicy(metav1.DeletePropagationForeground),
		client.Preconditions{UID: &fresh.UID, ResourceVersion: &fresh.ResourceVersion})
	if err != nil {
		err = fmt.Errorf("deleting finished job: %w", err)
	} else {
		c.metrics.deleted(-left)
	}
	return patch.Result(reconcile.Result{}, err)
}

// left is how long a finished job may still live; false when it may for ever.
func (c *Controller) left(job *batchv1.Job) (time.Duration, bool) {
	if job.DeletionTimestamp != nil || job.Spec.TTLSecondsAfterFinished == nil {
		return 0, false
	}
	for _, condition := range job.Status.Conditions {
		ended := condition.Type == batchv1.JobComplete || condition.Type == batchv1.JobFailed
		if ended && condition.Status == corev1.ConditionTrue && !condition.LastTransitionTime.IsZero() {
			ttl := time.Duration(*job.Spec.TTLSecondsAfterFinished) * time.Second
			return condition.LastTransitionTime.Add(ttl).Sub(c.Clock.Now()), true
		}
	}
	return 0, false
}

// Register puts the controller on mgr. It wakes when a job with a time to live changes,
// and when that is over.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Live: mgr.GetAPIReader(), Clock: deps.Clock, metrics: newMetrics(deps.Metrics)}
	limited := predicate.NewPredicateFuncs(func(obj client.Object) bool {
		job, ok := obj.(*batchv1.Job)
		return ok && job.Spec.TTLSecondsAfterFinished != nil
	})
	return kit.New(mgr, Name).
		For(&batchv1.Job{}, builder.WithPredicates(limited)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
