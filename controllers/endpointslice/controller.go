package endpointslice

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
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
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Name is the controller's name in the list of all.
const Name = "endpointslice"

// managedBy is the value of the managed-by label of our slices.
const managedBy = "endpointslice-controller.k8s.io"

// Controller reconciles the EndpointSlices of services.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
	Pending  *podcontrol.Pending
	Metrics  *Metrics
	// MaxEndpoints is how many a slice holds. Default: 100.
	MaxEndpoints int

	syncs *metrics
}

// Reconcile writes the slices of a service. Slices of a deleted service go by garbage
// collection.
func (c *Controller) Reconcile(ctx context.Context, svc *corev1.Service) (reconcile.Result, error) {
	if len(svc.Spec.Selector) == 0 || svc.Spec.Type == corev1.ServiceTypeExternalName || svc.DeletionTimestamp != nil {
		c.Metrics.Forget(svc.UID)
		return reconcile.Result{}, nil
	}
	pods, err := backends.Pods(ctx, c.Client, svc)
	if err != nil {
		return reconcile.Result{}, err
	}
	seen := c.Pending.Seen()
	existing, err := c.slices(ctx, svc)
	if err != nil {
		return reconcile.Result{}, err
	}
	if !podcontrol.Settled(c.Pending, svc.UID, seen, existing) {
		c.syncs.stale()
		return kit.After(5 * time.Second), nil // the watch wakes sooner
	}
	groups := compute(svc, pods, func(node string) string { return c.zone(ctx, node) })
	most := cmp.Or(c.MaxEndpoints, maxEndpoints)
	plan := Pack(existing, groups, most, func(slice *discoveryv1.EndpointSlice) {
		finish(slice, svc, pods)
	})
	c.Metrics.Planned(svc.UID, &plan, groups, most)
	err = Applier{c.Client, c.Pending, c.Metrics}.Apply(ctx, plan, svc.UID)
	c.syncs.synced(svc, &plan, err)
	if err != nil && !apierrors.IsConflict(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		c.Recorder.Eventf(svc, corev1.EventTypeWarning, "FailedToUpdateEndpointSlices",
			"Error updating Endpoint Slices for Service %s/%s: %v", svc.Namespace, svc.Name, err)
	}
	return patch.Result(reconcile.Result{}, err)
}

func (c *Controller) slices(ctx context.Context, svc *corev1.Service) ([]*discoveryv1.EndpointSlice, error) {
	var list discoveryv1.EndpointSliceList
	err := c.Client.List(ctx, &list, client.InNamespace(svc.Namespace), client.UnsafeDisableDeepCopy, client.MatchingLabels{
		discoveryv1.LabelServiceName: svc.Name, discoveryv1.LabelManagedBy: managedBy,
	})
	if err != nil {
		return nil, fmt.Errorf("listing endpoint slices: %w", err)
	}
	out := make([]*discoveryv1.EndpointSlice, len(list.Items))
	for i := range list.Items {
		out[i] = &list.Items[i]
	}
	return out, nil
}

// zone is the zone of a node, empty when it has none or is not known.
func (c *Controller) zone(ctx context.Context, name string) string {
	node := &corev1.Node{}
	if err := c.Client.Get(ctx, client.ObjectKey{Name: name}, node); err != nil {
		return ""
	}
	return node.Labels[corev1.LabelTopologyZone]
}

// Applier sends plans.
type Applier struct {
	Client  client.Client
	Pending *podcontrol.Pending
	Metrics *Metrics
}

// Apply sends a plan: deletes last, so that no endpoint is missing in between.
func (a Applier) Apply(ctx context.Context, plan Plan, owner types.UID) error {
	var errs []error
	for _, slice := range plan.Create {
		if err := a.Client.Create(ctx, slice); err != nil {
			errs = append(errs, fmt.Errorf("creating endpoint slice: %w", err))
			continue
		}
		a.Metrics.wrote("create")
		a.Pending.Created(owner, slice)
	}
	for _, slice := range plan.Update {
		if err := a.Client.Update(ctx, slice); err != nil {
			errs = append(errs, fmt.Errorf("updating endpoint slice %s: %w", slice.Name, err))
			continue
		}
		a.Metrics.wrote("update")
	}
	for _, slice := range plan.Delete {
		if slice.DeletionTimestamp != nil {
			continue
		}
		err := a.Client.Delete(ctx, slice, client.Preconditions{UID: &slice.UID})
		if client.IgnoreNotFound(err) != nil {
			errs = append(errs, fmt.Errorf("deleting endpoint slice %s: %w", slice.Name, err))
			continue
		}
		a.Metrics.wrote("delete")
		a.Pending.Deleted(owner, slice.UID)
	}
	if len(errs) == 1 {
		return errs[0]
	}
	return errors.Join(errs...)
}

// finish puts on a slice what belongs to every slice of svc.
func finish(slice *discoveryv1.EndpointSlice, svc *corev1.Service, pods []*corev1.Pod) {
	if slice.Name == "" {
		slice.Namespace = svc.Namespace
		slice.GenerateName = Prefix(svc.Name)
	}
	wanted := maps.Clone(svc.Labels)
	if wanted == nil {
		wanted = map[string]string{}
	}
	delete(wanted, corev1.IsHeadlessService)
	if svc.Spec.ClusterIP == corev1.ClusterIPNone {
		wanted[corev1.IsHeadlessService] = ""
	}
	wanted[discoveryv1.LabelServiceName] = svc.Name
	wanted[discoveryv1.LabelManagedBy] = managedBy
	slice.Labels = wanted
	owner := metav1.NewControllerRef(svc, corev1.SchemeGroupVersion.WithKind("Service"))
	if !slices.ContainsFunc(slice.OwnerReferences, func(ref metav1.OwnerReference) bool { return ref.UID == svc.UID }) {
		slice.OwnerReferences = []metav1.OwnerReference{*owner}
	}
	if last := backends.LastChange(svc, pods); !last.IsZero() {
		if slice.Annotations == nil {
			slice.Annotations = map[string]string{}
		}
		slice.Annotations[corev1.EndpointsLastChangeTriggerTime] = last.UTC().Format(time.RFC3339Nano)
	}
}

// Prefix is the generateName of the slices of a service.
func Prefix(service string) string {
	return strings.TrimRight(service[:min(len(service), 57)], "-.") + "-"
}

// owner wakes the service of a slice of ours, and remembers what was seen.
func (c *Controller) owner(_ context.Context, obj client.Object) []reconcile.Request {
	c.Pending.Observe(obj)
	name := obj.GetLabels()[discoveryv1.LabelServiceName]
	if name == "" || obj.GetLabels()[discoveryv1.LabelManagedBy] != managedBy {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: name}}}
}

// everyService wakes all services: a node moved to another zone.
func (c *Controller) everyService(ctx context.Context, _ client.Object) []reconcile.Request {
	var list corev1.ServiceList
	if err := c.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	requests := make([]reconcile.Request, len(list.Items))
	for i := range list.Items {
		requests[i].NamespacedName = client.ObjectKeyFromObject(&list.Items[i])
	}
	return requests
}

// Register puts the controller on mgr. It wakes when a service, a slice of ours or a pod
// that a service selects changes, or a node's zone does.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	c := &Controller{
		Client:       mgr.GetClient(),
		Recorder:     kit.Recorder(mgr, "endpoint-slice-controller"),
		Pending:      podcontrol.NewPending(),
		MaxEndpoints: deps.Tuning.EndpointsPerSlice,
		Metrics:      NewMetrics(deps.Metrics, prefix, "Service"),
		syncs:        newMetrics(deps.Metrics),
	}
	if err := kit.Show(mgr, deps.Metrics, c.Metrics); err != nil {
		return err
	}
	forget := predicate.Funcs{DeleteFunc: kit.OnDelete(func(obj client.Object) {
		c.Pending.Forget(obj.GetUID())
		c.Metrics.Forget(obj.GetUID())
	})}
	zoneChanged := predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return e.Object.GetLabels()[corev1.LabelTopologyZone] != "" },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return e.ObjectOld.GetLabels()[corev1.LabelTopologyZone] != e.ObjectNew.GetLabels()[corev1.LabelTopologyZone]
		},
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	return kit.New(mgr, Name).
		For(&corev1.Service{}, builder.WithPredicates(forget)).
		Watches(&discoveryv1.EndpointSlice{}, handler.EnqueueRequestsFromMapFunc(c.owner)).
		Watches(&corev1.Pod{}, backends.WakeServices(mgr.GetCache())).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(c.everyService), builder.WithPredicates(zoneChanged)).
		Skipped(c.syncs.skipped).
		Complete(reconcile.AsReconciler(c.Client, c))
}
