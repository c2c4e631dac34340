package horizontalpodautoscaler

import (
	"context"
	"fmt"
	"sync"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
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
)

// Name is the controller's name in the list of all.
const Name = "horizontalpodautoscaler"

// Controller reconciles HorizontalPodAutoscaler objects.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
	Metrics  Metrics
	Settings kit.Autoscaling

	counts  *counts
	mu      sync.Mutex
	history map[types.NamespacedName]*history
}

// Reconcile looks at the metrics of one autoscaler and scales its target.
func (c *Controller) Reconcile(ctx context.Context, hpa *autoscalingv2.HorizontalPodAutoscaler) (reconcile.Result, error) {
	changed := hpa.DeepCopy()
	r := &round{Controller: c, hpa: changed, now: c.Clock.Now(), action: none, history: c.historyOf(client.ObjectKeyFromObject(hpa))}
	r.scale(ctx)
	c.counts.looked(r.action, faultOf(r.fault), c.Clock.Since(r.now))
	_, err := patch.Status(ctx, c.Client, hpa, func(hpa *autoscalingv2.HorizontalPodAutoscaler) { hpa.Status = changed.Status })
	return patch.Result(reconcile.Result{RequeueAfter: c.Settings.Period}, err)
}

func (c *Controller) historyOf(key types.NamespacedName) *history {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.history == nil {
		c.history = map[types.NamespacedName]*history{}
	}
	if c.history[key] == nil {
		c.history[key] = &history{}
	}
	return c.history[key]
}

func (c *Controller) forget(obj client.Object) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.history, client.ObjectKeyFromObject(obj))
}

// round is one look at one autoscaler.
type round struct {
	*Controller
	hpa     *autoscalingv2.HorizontalPodAutoscaler
	now     time.Time
	history *history
	target  *target
	action  string // what was scaled
	fault   string // the first reason why something was not done
}

// failed notes why something is not done; the first reason counts.
func (r *round) failed(reason string) {
	if r.fault == "" {
		r.fault = reason
	}
}

func (r *round) event(kind, reason, format string, args ...any) {
	r.Recorder.Event(r.hpa, kind, reason, fmt.Sprintf(format, args...))
}

// scale does the work; what goes wrong is told in events and conditions, and tried again next time.
func (r *round) scale(ctx context.Context) {
	status := &r.hpa.Status
	t, err := r.readTarget(ctx)
	if err != nil {
		r.failed("FailedGetScale")
		r.event(corev1.EventTypeWarning, "FailedGetScale", "%v", err)
		r.set(autoscalingv2.AbleToScale, corev1.ConditionFalse, "FailedGetScale", "the HPA controller was unable to get the target's current scale: %v", err)
		return
	}
	r.target = t
	r.set(autoscalingv2.AbleToScale, corev1.ConditionTrue, "SucceededGetScale", "the HPA controller was able to get the target's current scale")
	desired, reason, ok := r.desired(ctx)
	status.CurrentReplicas = t.Status.Replicas
	if !ok {
		return
	}
	if desired != t.Spec.Replicas && !r.rescale(ctx, desired, reason) {
		status.DesiredReplicas = t.Spec.Replicas
		return
	}
	status.DesiredReplicas = desired
}

// desired is how many replicas there should be, and why.
func (r *round) desired(ctx context.Context) (replicas int32, reason string, ok bool) {
	current, least, most := r.target.Spec.Replicas, r.least(), r.hpa.Spec.MaxReplicas
	r.history.first(r.now, current)
	switch {
	case current == 0 && least != 0:
		r.hpa.Status.CurrentMetrics = nil // nobody asks for them
		r.set(autoscalingv2.ScalingActive, corev1.ConditionFalse, "ScalingDisabled", "scaling is disabled since the replica count of the target is zero")
		return 0, "", true
	case current > most:
		r.hpa.Status.CurrentMetrics = nil
		return most, "Current number of replicas above Spec.MaxReplicas", true
	case current < least:
		r.hpa.Status.CurrentMetrics = nil
		return least, "Current number of replicas below Spec.MinReplicas", true
	}
	proposed, metric, err := r.compute(ctx)
	if err != nil {
		r.event(corev1.EventTypeWarning, "FailedComputeMetricsReplicas", "%v", err)
		return 0, "", false
	}
	switch {
	case proposed > current:
		reason = metric + " above target"
	case proposed < current:
		reason = "All metrics below target"
	}
	return r.limit(current, proposed), reason, true
}

func (r *round) least() int32 {
	if r.hpa.Spec.MinReplicas != nil {
		return *r.hpa.Spec.MinReplicas
	}
	return 1
}

func (r *round) rescale(ctx context.Context, desired int32, reason string) bool {
	if err := r.target.write(ctx, r.Client, desired); err != nil {
		r.failed("FailedRescale")
		r.event(corev1.EventTypeWarning, "FailedRescale", "New size: %d; reason: %s; error: %v", desired, reason, err)
		r.set(autoscalingv2.AbleToScale, corev1.ConditionFalse, "FailedUpdateScale", "the HPA controller was unable to update the target scale: %v", err)
		return false
	}
	r.set(autoscalingv2.AbleToScale, corev1.ConditionTrue, "SucceededRescale", "the HPA controller was able to update the target scale to %d", desired)
	r.event(corev1.EventTypeNormal, "SuccessfulRescale", "New size: %d; reason: %s", desired, reason)
	r.action = direction(r.target.Spec.Replicas, desired)
	r.history.scaled(r.now, desired-r.target.Spec.Replicas)
	now := metav1Time(r.now)
	r.hpa.Status.LastScaleTime = &now
	return true
}

// first wakes an autoscaler that has come when its first period is over: what it scales, and who measures that, have just come, too. It is
// woken by the clock then, and no change wakes it sooner.
func (c *Controller) first() handler.Funcs {
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			queue.AddAfter(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(e.Object)}, c.Settings.Period)
		},
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			c.forget(e.Object)
		},
	}
}

// Register puts the controller on mgr. It looks at each autoscaler every now and then.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	metrics, err := newMetrics(mgr.GetConfig(), mgr.GetHTTPClient())
	if err != nil {
		return fmt.Errorf("making a client of metrics: %w", err)
	}
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "horizontal-pod-autoscaler"), Clock: deps.Clock, Metrics: metrics, Settings: deps.Tuning.Autoscaling, counts: newCounts(deps.Metrics)}
	if err := kit.Show(mgr, deps.Metrics, number{c.Client}); err != nil {
		return err
	}
	return kit.New(mgr, Name).
		Watches(&autoscalingv2.HorizontalPodAutoscaler{}, c.first()).
		Complete(reconcile.AsReconciler(c.Client, c))
}
