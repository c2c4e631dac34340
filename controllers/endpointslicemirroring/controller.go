package endpointslicemirroring

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	netutils "k8s.io/utils/net"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/endpointslice"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Name is the controller's name in the list of all.
const Name = "endpointslicemirroring"

const (
	managedBy        = "endpointslicemirroring-controller.k8s.io"
	leaderAnnotation = "control-plane.alpha.kubernetes.io/leader"
	// maxEndpoints bounds a slice, and what is mirrored of one subset unless somebody says otherwise.
	maxEndpoints = 1000
)

// Controller reconciles the mirrored slices of Endpoints.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
	Pending  *podcontrol.Pending
	Metrics  *endpointslice.Metrics
	// MaxEndpoints bounds what is mirrored of one subset. Default: 1000.
	MaxEndpoints int

	syncs *metrics
}

// Reconcile mirrors endpoints, or deletes their mirror when they are not to be mirrored.
// The mirror of deleted Endpoints goes by garbage collection.
func (c *Controller) Reconcile(ctx context.Context, endpoints *corev1.Endpoints) (reconcile.Result, error) {
	if endpoints.DeletionTimestamp != nil {
		return reconcile.Result{}, nil
	}
	defer c.syncs.began()()
	seen := c.Pending.Seen()
	var list discoveryv1.EndpointSliceList
	err := c.Client.List(ctx, &list, client.InNamespace(endpoints.Namespace), client.UnsafeDisableDeepCopy, client.MatchingLabels{
		discoveryv1.LabelServiceName: endpoints.Name, discoveryv1.LabelManagedBy: managedBy,
	})
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("listing endpoint slices: %w", err)
	}
	existing := make([]*discoveryv1.EndpointSlice, len(list.Items))
	for i := range list.Items {
		existing[i] = &list.Items[i]
	}
	if !podcontrol.Settled(c.Pending, endpoints.UID, seen, existing) {
		return kit.After(5 * time.Second), nil // the watch wakes sooner
	}
	mirrored, err := c.wanted(ctx, endpoints)
	if err != nil {
		return reconcile.Result{}, err
	}
	var groups []*endpointslice.Group
	skipped, most := 0, cmp.Or(c.MaxEndpoints, maxEndpoints)
	if mirrored {
		groups, skipped = groupsOf(endpoints, most)
	}
	plan := endpointslice.Pack(existing, groups, maxEndpoints, func(slice *discoveryv1.EndpointSlice) {
		finish(slice, endpoints)
	})
	c.Metrics.Planned(endpoints.UID, &plan, groups, maxEndpoints)
	c.syncs.planned(&plan, skipped)
	if skipped > 0 && len(plan.Create)+len(plan.Update)+len(plan.Delete) > 0 { // said once for what there is
		c.Recorder.Eventf(endpoints, corev1.EventTypeWarning, "TooManyAddressesToMirror",
			"A max of %d addresses can be mirrored to EndpointSlices per Endpoints subset. %d addresses were skipped", most, skipped)
	}
	err = endpointslice.Applier{Client: c.Client, Pending: c.Pending, Metrics: c.Metrics}.Apply(ctx, plan, endpoints.UID)
	if err != nil && !apierrors.IsConflict(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		c.Recorder.Eventf(endpoints, corev1.EventTypeWarning, "FailedToUpdateEndpointSlices",
			"Error updating EndpointSlices for Endpoints %s/%s: %v", endpoints.Namespace, endpoints.Name, err)
	}
	return patch.Result(reconcile.Result{}, err)
}

// wanted says whether endpoints are to be mirrored: those of a service that has no
// selector, unless they say otherwise.
func (c *Controller) wanted(ctx context.Context, endpoints *corev1.Endpoints) (bool, error) {
	if endpoints.Labels[discoveryv1.LabelSkipMirror] == "true" {
		return false, nil
	}
	if _, election := endpoints.Annotations[leaderAnnotation]; election {
		return false, nil
	}
	svc := &corev1.Service{}
	err := c.Client.Get(ctx, client.ObjectKeyFromObject(endpoints), svc)
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("reading service: %w", err)
	}
	return svc.Spec.Selector == nil, nil
}

// groupsOf returns the endpoints of each subset and family, and how many addresses are left out: those that are none, and those of a subset
// beyond most.
func groupsOf(endpoints *corev1.Endpoints, most int) (groups []*endpointslice.Group, skipped int) {
	byKey := map[string]*endpointslice.Group{}
	for i := range endpoints.Subsets {
		subset := &endpoints.Subsets[i]
		ports, left := portsOf(subset.Ports), most
		add := func(addresses []corev1.EndpointAddress, ready bool) {
			for j := range addresses {
				addr := netutils.ParseIPSloppy(addresses[j].IP)
				if addr == nil || left == 0 {
					skipped++
					continue
				}
				left--
				family := discoveryv1.AddressTypeIPv4
				if addr.To4() == nil {
					family = discoveryv1.AddressTypeIPv6
				}
				key := endpointslice.Key(family, ports)
				if byKey[key] == nil {
					byKey[key] = &endpointslice.Group{Family: family, Ports: ports}
				}
				byKey[key].Endpoints = append(byKey[key].Endpoints, endpoint(&addresses[j], addr.String(), ready))
			}
		}
		add(subset.Addresses, true)
		add(subset.NotReadyAddresses, false)
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		groups = append(groups, byKey[key])
	}
	return groups, skipped
}

func portsOf(ports []corev1.EndpointPort) []discoveryv1.EndpointPort {
	out := make([]discoveryv1.EndpointPort, len(ports))
	for i := range ports {
		out[i] = discoveryv1.EndpointPort{
			Name: ptr.To(ports[i].Name), Port: ptr.To(ports[i].Port),
			Protocol: ptr.To(ports[i].Protocol), AppProtocol: ports[i].AppProtocol,
		}
	}
	return out
}

// endpoint of an address, which is written as it should be.
func endpoint(address *corev1.EndpointAddress, written string, ready bool) discoveryv1.Endpoint {
	out := discoveryv1.Endpoint{
		Addresses:  []string{written},
		Conditions: discoveryv1.EndpointConditions{Ready: ptr.To(ready)},
		TargetRef:  address.TargetRef,
		NodeName:   address.NodeName,
	}
	if address.Hostname != "" {
		out.Hostname = ptr.To(address.Hostname)
	}
	return out
}

func finish(slice *discoveryv1.EndpointSlice, endpoints *corev1.Endpoints) {
	if slice.Name == "" {
		slice.Namespace = endpoints.Namespace
		slice.GenerateName = endpointslice.Prefix(endpoints.Name)
		slice.OwnerReferences = []metav1.OwnerReference{
			*metav1.NewControllerRef(endpoints, corev1.SchemeGroupVersion.WithKind("Endpoints")),
		}
	}
	slice.Labels = maps.Clone(endpoints.Labels)
	if slice.Labels == nil {
		slice.Labels = map[string]string{}
	}
	slice.Labels[discoveryv1.LabelServiceName] = endpoints.Name
	slice.Labels[discoveryv1.LabelManagedBy] = managedBy
	slice.Annotations = maps.Clone(endpoints.Annotations)
	delete(slice.Annotations, corev1.LastAppliedConfigAnnotation)
	delete(slice.Annotations, corev1.EndpointsLastChangeTriggerTime)
	delete(slice.Annotations, corev1.EndpointsOverCapacity)
}

func (c *Controller) owner(_ context.Context, obj client.Object) []reconcile.Request {
	c.Pending.Observe(obj)
	name := obj.GetLabels()[discoveryv1.LabelServiceName]
	if name == "" || obj.GetLabels()[discoveryv1.LabelManagedBy] != managedBy {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: obj.GetNamespace(), Name: name}}}
}

// Register puts the controller on mgr. It wakes when Endpoints, their Service (of the
// same name) or a mirrored slice changes.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	c := &Controller{
		Client:       mgr.GetClient(),
		Recorder:     kit.Recorder(mgr, "endpoint-slice-mirroring-controller"),
		Pending:      podcontrol.NewPending(),
		MaxEndpoints: deps.Tuning.MirroredPerSubset,
		Metrics:      endpointslice.NewMetrics(deps.Metrics, prefix, "Endpoints"),
		syncs:        newMetrics(deps.Metrics, deps.Clock),
	}
	if err := kit.Show(mgr, deps.Metrics, c.Metrics); err != nil {
		return err
	}
	forget := predicate.Funcs{DeleteFunc: kit.OnDelete(func(obj client.Object) {
		c.Pending.Forget(obj.GetUID())
		c.Metrics.Forget(obj.GetUID())
	})}
	return kit.New(mgr, Name).
		For(&corev1.Endpoints{}, builder.WithPredicates(forget)).
		Watches(&corev1.Service{}, &handler.EnqueueRequestForObject{}).
		Watches(&discoveryv1.EndpointSlice{}, handler.EnqueueRequestsFromMapFunc(c.owner)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
