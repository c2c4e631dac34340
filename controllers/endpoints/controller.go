package endpoints

import (
	"context"
	"fmt"
	"maps"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/record"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/backends"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "endpoints"

const (
	managedByLabel = "endpoints.kubernetes.io/managed-by"
	managedBy      = "endpoint-controller"
)

// Controller reconciles the Endpoints of services.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
}

// Reconcile writes the Endpoints of the service of that name, or deletes them with it.
func (c *Controller) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	svc := &corev1.Service{}
	err := c.Client.Get(ctx, request.NamespacedName, svc)
	if apierrors.IsNotFound(err) {
		return reconcile.Result{}, c.delete(ctx, request)
	}
	if err != nil || len(svc.Spec.Selector) == 0 {
		return reconcile.Result{}, err
	}
	pods, err := backends.Pods(ctx, c.Client, svc)
	if err != nil {
		return reconcile.Result{}, err
	}
	current := &corev1.Endpoints{}
	err = c.Client.Get(ctx, request.NamespacedName, current)
	if client.IgnoreNotFound(err) != nil {
		return reconcile.Result{}, fmt.Errorf("reading endpoints: %w", err)
	}
	exists := err == nil
	wanted := desired(svc, pods, current)
	if !exists {
		return patch.Result(reconcile.Result{}, c.create(ctx, svc, wanted))
	}
	if same(current, wanted) {
		return reconcile.Result{}, nil
	}
	if err := c.Client.Update(ctx, wanted); err != nil {
		if !apierrors.IsConflict(err) {
			c.Recorder.Eventf(current, corev1.EventTypeWarning, "FailedToUpdateEndpoint", "Failed to update endpoint %v/%v: %v", svc.Namespace, svc.Name, err)
		}
		return patch.Result(reconcile.Result{}, err)
	}
	return reconcile.Result{}, nil
}

func (c *Controller) create(ctx context.Context, svc *corev1.Service, wanted *corev1.Endpoints) error {
	err := c.Client.Create(ctx, wanted)
	if err == nil || apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil // of a stale cache the watch tells
	}
	c.Recorder.Eventf(wanted, corev1.EventTypeWarning, "FailedToCreateEndpoint", "Failed to create endpoint for service %v/%v: %v", svc.Namespace, svc.Name, err)
	return fmt.Errorf("creating endpoints: %w", err)
}

// delete removes the Endpoints of a service that is gone, if they were ours.
func (c *Controller) delete(ctx context.Context, request reconcile.Request) error {
	current := &corev1.Endpoints{}
	if err := c.Client.Get(ctx, request.NamespacedName, current); err != nil {
		return client.IgnoreNotFound(err)
	}
	if _, election := current.Annotations[leaderAnnotation]; election || current.DeletionTimestamp != nil {
		return nil
	}
	return client.IgnoreNotFound(c.Client.Delete(ctx, current, client.Preconditions{UID: &current.UID}))
}

// leaderAnnotation marks objects that serve leader election and stand for no service.
const leaderAnnotation = "control-plane.alpha.kubernetes.io/leader"

// desired is current with the labels, annotations and subsets that svc and pods give.
func desired(svc *corev1.Service, pods []*corev1.Pod, current *corev1.Endpoints) *corev1.Endpoints {
	out := current.DeepCopy()
	out.Name, out.Namespace = svc.Name, svc.Namespace
	var over bool
	out.Subsets, over = subsets(svc, pods)
	out.Labels = maps.Clone(svc.Labels)
	if out.Labels == nil {
		out.Labels = map[string]string{}
	}
	out.Labels[managedByLabel] = managedBy
	delete(out.Labels, corev1.IsHeadlessService)
	if svc.Spec.ClusterIP == corev1.ClusterIPNone {
		out.Labels[corev1.IsHeadlessService] = ""
	}
	if out.Annotations == nil {
		out.Annotations = map[string]string{}
	}
	delete(out.Annotations, corev1.EndpointsOverCapacity)
	if over {
		out.Annotations[corev1.EndpointsOverCapacity] = "truncated"
	}
	if changed := !equality.Semantic.DeepEqual(current.Subsets, out.Subsets); changed {
		if last := backends.LastChange(svc, pods); !last.IsZero() {
			out.Annotations[corev1.EndpointsLastChangeTriggerTime] = last.UTC().Format(time.RFC3339Nano)
		}
	}
	return out
}

func same(a, b *corev1.Endpoints) bool {
	return equality.Semantic.DeepEqual(a.Subsets, b.Subsets) && maps.Equal(a.Labels, b.Labels) &&
		a.Annotations[corev1.EndpointsOverCapacity] == b.Annotations[corev1.EndpointsOverCapacity]
}

// concerns lets through what happens to Endpoints that come from a service. Those that somebody makes for no service are
// nobody's, unless the service went while nobody looked.
var concerns = predicate.Funcs{
	CreateFunc: func(e event.CreateEvent) bool { return e.IsInInitialList },
	UpdateFunc: func(e event.UpdateEvent) bool { return e.ObjectNew.GetLabels()[managedByLabel] == managedBy },
}

// Register puts the controller on mgr. It wakes when a service, its Endpoints or a pod
// that it selects changes.
func Register(_ context.Context, mgr manager.Manager, _ kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "endpoint-controller")}
	return kit.New(mgr, Name).
		For(&corev1.Service{}).
		Watches(&corev1.Endpoints{}, &handler.EnqueueRequestForObject{}, builder.WithPredicates(concerns)).
		Watches(&corev1.Pod{}, backends.WakeServices(mgr.GetCache())).
		Complete(c)
}
