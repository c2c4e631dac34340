package deployment

import (
	"context"
	"errors"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Name is the controller's name in the list of all.
const Name = "deployment"

var kind = appsv1.SchemeGroupVersion.WithKind("Deployment")

// Controller reconciles deployments.
type Controller struct {
	Client   client.Client
	Claimer  podcontrol.Claimer
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
}

// Reconcile takes a deployment one step towards its template and size.
func (c *Controller) Reconcile(ctx context.Context, d *appsv1.Deployment) (reconcile.Result, error) {
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil || selector.Empty() || d.Spec.Selector == nil {
		return patch.Result(reconcile.Result{}, c.refuse(ctx, d))
	}
	owned, err := c.Claimer.ReplicaSets(ctx, podcontrol.Owner{Object: d, GVK: kind, Selector: selector})
	if err != nil {
		return patch.Result(reconcile.Result{}, err)
	}
	sets := split(d, owned)
	status := d.Status.DeepCopy()
	if d.DeletionTimestamp == nil {
		setPaused(status, d, c.Clock.Now())
		if err := c.step(ctx, d, sets, status); errors.Is(err, errOver) {
			return reconcile.Result{}, nil
		} else if err != nil {
			if _, statusErr := c.writeStatus(ctx, d, sets, status); statusErr != nil {
				return patch.Result(reconcile.Result{}, statusErr)
			}
			return patch.Result(reconcile.Result{}, err)
		}
	}
	wait, err := c.writeStatus(ctx, d, sets, status)
	return patch.Result(kit.After(wait), err)
}

// step finds or makes the current replica set and moves replicas.
func (c *Controller) step(ctx context.Context, d *appsv1.Deployment, sets *sets, status *appsv1.DeploymentStatus) error {
	resize := d.Spec.Paused || isScaling(d, sets)
	if err := c.syncCurrent(ctx, d, sets, status, !resize); err != nil {
		return err
	}
	var err error
	switch {
	case resize:
		err = c.resize(ctx, d, sets)
	case d.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
		err = c.recreate(ctx, d, sets, status)
	default:
		err = c.roll(ctx, d, sets)
	}
	if err == nil {
		err = c.flush(ctx, sets)
	}
	if err == nil && (d.Spec.Paused || complete(d, reported(d, sets))) {
		err = c.cleanUp(ctx, d, sets.old)
	}
	return err
}

// refuse reports a deployment that has no selector, or one that would take every pod.
func (c *Controller) refuse(ctx context.Context, d *appsv1.Deployment) error {
	if d.Status.ObservedGeneration < d.Generation {
		c.Recorder.Event(d, corev1.EventTypeWarning, "SelectingAll", "This deployment is selecting all pods. A non-empty selector is required.")
	}
	_, err := patch.Status(ctx, c.Client, d, func(changed *appsv1.Deployment) {
		changed.Status.ObservedGeneration = max(changed.Status.ObservedGeneration, changed.Generation)
	})
	return err
}

// writeStatus reports, and says when the progress deadline must be looked at again. The revision of the current set goes with it: an
// update of the status may change annotations, and is the one write of the deployment.
func (c *Controller) writeStatus(ctx context.Context, d *appsv1.Deployment, sets *sets, conditions *appsv1.DeploymentStatus) (time.Duration, error) {
	now := c.Clock.Now()
	status := computeStatus(d, sets, conditions, now)
	_, err := patch.Status(ctx, c.Client, d, func(changed *appsv1.Deployment) {
		changed.Status = status
		if d.DeletionTimestamp == nil {
			annotateRevision(changed, sets.current)
		}
	})
	return deadlineIn(d, status, now), err
}

// Register puts the controller on mgr. It wakes when a deployment or one of its replica
// sets changes, or a replica set without owner appears that one may adopt.
func Register(ctx context.Context, mgr manager.Manager, deps kit.Deps) error {
	wanting := podcontrol.Wanting(mgr.GetCache(), &appsv1.Deployment{}, func(owner *appsv1.Deployment) *metav1.LabelSelector {
		return owner.Spec.Selector
	})
	if err := podcontrol.IndexByOwner(ctx, mgr, &appsv1.ReplicaSet{}); err != nil {
		return err
	}
	c := &Controller{
		Client:   mgr.GetClient(),
		Claimer:  podcontrol.Claimer{Client: mgr.GetClient(), Live: mgr.GetAPIReader()},
		Recorder: kit.Recorder(mgr, "deployment-controller"),
		Clock:    deps.Clock,
	}
	owned := podcontrol.Handler{Owner: kind.GroupKind(), Orphan: wanting}
	return kit.New(mgr, Name).
		For(&appsv1.Deployment{}).
		Watches(&appsv1.ReplicaSet{}, owned.EventHandler()).
		Complete(reconcile.AsReconciler(c.Client, c))
}
