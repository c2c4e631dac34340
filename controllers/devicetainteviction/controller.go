package devicetainteviction

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
const Name = "devicetainteviction"

// Controller evicts pods from tainted devices.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
	metrics  *kit.Evictions
}

// Reconcile deletes the pods that a claim is reserved for when its tolerance of its devices' taints is over.
func (c *Controller) Reconcile(ctx context.Context, claim *resourcev1.ResourceClaim) (reconcile.Result, error) {
	if claim.Status.Allocation == nil || len(claim.Status.ReservedFor) == 0 {
		return reconcile.Result{}, nil
	}
	slices := &resourcev1.ResourceSliceList{}
	if err := c.Client.List(ctx, slices); err != nil {
		return reconcile.Result{}, fmt.Errorf("listing ResourceSlices: %w", err)
	}
	until, evicts := deadline(claim, slices.Items)
	if !evicts {
		return reconcile.Result{}, nil
	}
	now := c.Clock.Now()
	if wait := until.Sub(now); wait > 0 {
		return kit.After(wait), nil
	}
	var errs []error
	for _, user := range claim.Status.ReservedFor {
		if user.APIGroup == "" && user.Resource == "pods" {
			errs = append(errs, client.IgnoreNotFound(c.evict(ctx, claim.Namespace, user, until)))
		}
	}
	return patch.Result(reconcile.Result{}, errors.Join(errs...))
}

func (c *Controller) evict(ctx context.Context, namespace string, user resourcev1.ResourceClaimConsumerReference, until time.Time) error {
	pod := &corev1.Pod{}
	if err := c.Client.Get(ctx, client.ObjectKey{Namespace: namespace, Name: user.Name}, pod); err != nil {
		return err
	}
	if pod.UID != user.UID || !podcontrol.IsActive(pod) {
		return nil
	}
	c.Recorder.Event(pod, corev1.EventTypeNormal, "DeviceTaintManagerEviction", "Marking for deletion")
	err := podcontrol.Disrupt(ctx, c.Client, pod, corev1.PodCondition{Reason: "DeletionByDeviceTaintManager", Message: "Device Taint manager: deleting due to NoExecute taint"}, c.Clock.Now())
	if err == nil {
		c.metrics.Deleted(c.Clock.Since(until))
	}
	return err
}

func newTime(t time.Time) *metav1.Time { return &metav1.Time{Time: t} }

// ofSlice are the claims that have devices of a slice's pool.
func (c *Controller) ofSlice(ctx context.Context, o client.Object) []reconcile.Request {
	slice, ok := o.(*resourcev1.ResourceSlice)
	if !ok {
		return nil
	}
	claims := &resourcev1.ResourceClaimList{}
	if err := c.Client.List(ctx, claims); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range claims.Items {
		allocation := claims.Items[i].Status.Allocation
		if allocation == nil {
			continue
		}
		for _, device := range allocation.Devices.Results {
			if device.Driver == slice.Spec.Driver && device.Pool == slice.Spec.Pool.Name {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&claims.Items[i])})
				break
			}
		}
	}
	return requests
}

func tainted(o client.Object) bool {
	slice, ok := o.(*resourcev1.ResourceSlice)
	if !ok {
		return false
	}
	for i := range slice.Spec.Devices {
		if len(noExecute(slice.Spec.Devices[i].Taints, time.Time{})) > 0 {
			return true
		}
	}
	return false
}

// Register puts the controller on mgr. It wakes when a claim is allocated or reserved, when a slice with tainted devices comes
// or changes, and when a tolerance is over.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "device-taint-eviction"), Clock: deps.Clock, metrics: newMetrics(deps.Metrics)}
	allocated := predicate.NewPredicateFuncs(func(o client.Object) bool {
		claim, ok := o.(*resourcev1.ResourceClaim)
		return ok && claim.Status.Allocation != nil && len(claim.Status.ReservedFor) > 0
	})
	changed := predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return tainted(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool { return tainted(e.ObjectNew) },
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	return kit.New(mgr, Name).
		For(&resourcev1.ResourceClaim{}, builder.WithPredicates(allocated)).
		Watches(&resourcev1.ResourceSlice{}, handler.EnqueueRequestsFromMapFunc(c.ofSlice), builder.WithPredicates(changed)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
