package service

import (
	"context"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Register puts the controller on mgr if the cloud has load balancers. It wakes when a Service that has one, or is to have one,
// changes, when the nodes that traffic may go to change, and, if the provider follows them, when endpoints do and when another Service gives addresses or ports up.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	if deps.Cloud == nil {
		return nil
	}
	provider, ok := deps.Cloud.LoadBalancer()
	if !ok {
		return nil
	}
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "service-controller"), Provider: provider, ClusterName: deps.ClusterName, metrics: newMetrics(deps.Metrics, deps.Clock)}
	ours := predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return concerns(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool {
			if concerns(e.ObjectNew) {
				c.tell(e.ObjectOld, e.ObjectNew)
			}
			return concerns(e.ObjectNew) || concerns(e.ObjectOld)
		},
		DeleteFunc: func(e event.DeleteEvent) bool {
			c.forget(e.Object)
			return false
		},
	}
	hosts := predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return signature(e.Object) != "" },
		UpdateFunc: func(e event.UpdateEvent) bool { return signature(e.ObjectOld) != signature(e.ObjectNew) },
		DeleteFunc: func(e event.DeleteEvent) bool { return signature(e.Object) != "" },
	}
	b := kit.New(mgr, Name).WithOptions(kit.Options(deps.Clouds.ServiceSyncs)).
		For(&corev1.Service{}, builder.WithPredicates(ours)).
		Watches(&corev1.Node{}, c.changes(), builder.WithPredicates(hosts))
	if c.follows() {
		b = b.Watches(&discoveryv1.EndpointSlice{}, handler.EnqueueRequestsFromMapFunc(c.ofSlice)).
			Watches(&corev1.Service{}, handler.EnqueueRequestsFromMapFunc(c.sharers), builder.WithPredicates(predicate.Funcs{
				CreateFunc: func(event.CreateEvent) bool { return false },
				UpdateFunc: func(e event.UpdateEvent) bool { return frees(e.ObjectOld, e.ObjectNew) },
				DeleteFunc: func(e event.DeleteEvent) bool { return frees(e.Object, nil) },
			}))
	}
	return b.Complete(reconcile.AsReconciler(c.Client, c))
}

func concerns(o client.Object) bool {
	service, ok := o.(*corev1.Service)
	return ok && (wanted(service) || slices.Contains(service.Finalizers, finalizer))
}

// A load balancer knows all nodes, so what one more costs it grows with them. It waits the longer for yet more of them the more there
// are, and what all of them cost together does not grow with their square.
const (
	waitForNode = time.Millisecond
	longestWait = 5 * time.Second
)

// changes wakes the Services that have a load balancer when the nodes that traffic may go to change.
func (c *Controller) changes() handler.EventHandler {
	wake := func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
		wait := min(time.Duration(c.count.Load())*waitForNode, longestWait)
		for _, request := range c.all(ctx) {
			queue.AddAfter(request, wait)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, _ event.CreateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			wake(ctx, queue)
		},
		UpdateFunc: func(ctx context.Context, _ event.UpdateEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			wake(ctx, queue)
		},
		DeleteFunc: func(ctx context.Context, _ event.DeleteEvent, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			wake(ctx, queue)
		},
	}
}

// all are the Services that have a load balancer.
func (c *Controller) all(ctx context.Context) []reconcile.Request {
	var services corev1.ServiceList
	if err := c.Client.List(ctx, &services, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range services.Items {
		if wanted(&services.Items[i]) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&services.Items[i])})
		}
	}
	return requests
}

// ofSlice is the Service of an EndpointSlice, if it matters to its load balancer where its endpoints are.
func (c *Controller) ofSlice(ctx context.Context, slice client.Object) []reconcile.Request {
	key := client.ObjectKey{Namespace: slice.GetNamespace(), Name: slice.GetLabels()[discoveryv1.LabelServiceName]}
	service := &corev1.Service{}
	if err := c.Client.Get(ctx, key, service); err != nil || !wanted(service) || service.Spec.ExternalTrafficPolicy != corev1.ServiceExternalTrafficPolicyLocal {
		return nil
	}
	return []reconcile.Request{{NamespacedName: key}}
}

// frees says whether a Service gives up a port of an address, or of all nodes, that it had.
func frees(before, after client.Object) bool {
	old, ok := before.(*corev1.Service)
	if !ok || old.Spec.Type != corev1.ServiceTypeLoadBalancer && old.Spec.Type != corev1.ServiceTypeNodePort && len(old.Spec.ExternalIPs) == 0 {
		return false
	}
	now, ok := after.(*corev1.Service)
	if !ok || old.Spec.Type != now.Spec.Type || !equality.Semantic.DeepEqual(old.Spec.Ports, now.Spec.Ports) {
		return true
	}
	lost := func(address string) bool { return !slices.Contains(addresses(now), address) }
	return slices.ContainsFunc(addresses(old), lost)
}

// addresses of a Service that lead there from outside.
func addresses(service *corev1.Service) []string {
	all := slices.Clone(service.Spec.ExternalIPs)
	for _, ingress := range service.Status.LoadBalancer.Ingress {
		all = append(all, ingress.IP)
	}
	return all
}

// sharers are the other Services that are to have a load balancer with a port that this one has, or had.
func (c *Controller) sharers(ctx context.Context, freed client.Object) []reconcile.Request {
	service, ok := freed.(*corev1.Service)
	if !ok {
		return nil
	}
	shared := func(p corev1.ServicePort) bool {
		return slices.ContainsFunc(service.Spec.Ports, func(o corev1.ServicePort) bool {
			return (o.Port == p.Port || o.NodePort == p.Port) && o.Protocol == p.Protocol
		})
	}
	var services corev1.ServiceList
	if err := c.Client.List(ctx, &services, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range services.Items {
		other := &services.Items[i]
		if wanted(other) && other.UID != service.UID && slices.ContainsFunc(other.Spec.Ports, shared) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(other)})
		}
	}
	return requests
}

// tell tells of changes of a Service that its load balancer is changed for.
func (c *Controller) tell(before, after client.Object) {
	old, hadOld := before.(*corev1.Service)
	service, ok := after.(*corev1.Service)
	if !ok || !hadOld {
		return
	}
	say := func(reason string, from, to any, same bool) {
		if !same {
			c.Recorder.Eventf(service, corev1.EventTypeNormal, reason, "%v -> %v", from, to)
		}
	}
	was, is := &old.Spec, &service.Spec
	if was.Type != is.Type { // what else changes with it goes without saying
		say("Type", was.Type, is.Type, false)
		return
	}
	say("LoadBalancerSourceRanges", was.LoadBalancerSourceRanges, is.LoadBalancerSourceRanges, slices.Equal(was.LoadBalancerSourceRanges, is.LoadBalancerSourceRanges))
	say("LoadbalancerIP", was.LoadBalancerIP, is.LoadBalancerIP, was.LoadBalancerIP == is.LoadBalancerIP)
	say("ExternalTrafficPolicy", was.ExternalTrafficPolicy, is.ExternalTrafficPolicy, was.ExternalTrafficPolicy == is.ExternalTrafficPolicy)
	say("HealthCheckNodePort", was.HealthCheckNodePort, is.HealthCheckNodePort, was.HealthCheckNodePort == is.HealthCheckNodePort)
	classes := ptr.Equal(was.LoadBalancerClass, is.LoadBalancerClass)
	say("LoadBalancerClass", ptr.Deref(was.LoadBalancerClass, "<nil>"), ptr.Deref(is.LoadBalancerClass, "<nil>"), classes)
}
