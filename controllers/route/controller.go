package route

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	cloudprovider "k8s.io/cloud-provider"
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
)

// Name is the controller's name in the list of all.
const Name = "route"

// Controller reconciles the routes of the whole cluster at a time.
type Controller struct {
	Client       client.Client
	Recorder     record.EventRecorder
	Routes       cloudprovider.Routes
	Clock        clock.PassiveClock
	ClusterName  string
	ClusterCIDRs []netip.Prefix
	// Period is how soon all routes are compared although nothing is known to have changed.
	Period time.Duration
}

// key of a route: what leads where.
type key struct {
	node types.NodeName
	cidr string
}

// Reconcile makes the routes that are missing, removes those that lead to nobody, and tells on the Nodes.
func (c *Controller) Reconcile(ctx context.Context, _ reconcile.Request) (reconcile.Result, error) {
	var nodes corev1.NodeList
	if err := c.Client.List(ctx, &nodes); err != nil {
		return reconcile.Result{}, fmt.Errorf("listing nodes: %w", err)
	}
	routes, err := c.Routes.ListRoutes(ctx, c.ClusterName)
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("listing routes: %w", err)
	}
	there, wanted := map[key]bool{}, map[key]bool{}
	for _, r := range routes {
		there[key{r.TargetNode, r.DestinationCIDR}] = !r.Blackhole
	}
	for i := range nodes.Items {
		for _, cidr := range nodes.Items[i].Spec.PodCIDRs {
			wanted[key{types.NodeName(nodes.Items[i].Name), cidr}] = true
		}
	}
	err = c.clean(ctx, routes, wanted)
	for i := range nodes.Items {
		err = errors.Join(err, c.lead(ctx, &nodes.Items[i], there))
	}
	return patch.Result(kit.After(c.Period), err)
}

// clean removes routes within the pod network that lead to no Node.
func (c *Controller) clean(ctx context.Context, routes []*cloudprovider.Route, wanted map[key]bool) error {
	var all error
	for _, r := range routes {
		if wanted[key{r.TargetNode, r.DestinationCIDR}] && !r.Blackhole || !c.ours(r.DestinationCIDR) {
			continue
		}
		if err := c.Routes.DeleteRoute(ctx, c.ClusterName, r); err != nil {
			all = errors.Join(all, fmt.Errorf("deleting route %s: %w", r.Name, err))
		}
	}
	return all
}

func (c *Controller) ours(cidr string) bool {
	destination, err := netip.ParsePrefix(cidr)
	return err == nil && slices.ContainsFunc(c.ClusterCIDRs, func(p netip.Prefix) bool {
		return p.Bits() <= destination.Bits() && p.Contains(destination.Addr())
	})
}

// lead makes the routes to one Node and tells on it.
func (c *Controller) lead(ctx context.Context, node *corev1.Node, there map[key]bool) error {
	if len(node.Spec.PodCIDRs) == 0 || node.DeletionTimestamp != nil {
		return nil
	}
	var failed error
	for _, cidr := range node.Spec.PodCIDRs {
		if there[key{types.NodeName(node.Name), cidr}] {
			continue
		}
		r := &cloudprovider.Route{TargetNode: types.NodeName(node.Name), TargetNodeAddresses: node.Status.Addresses, DestinationCIDR: cidr}
		if err := c.Routes.CreateRoute(ctx, c.ClusterName, string(node.UID), r); err != nil {
			c.Recorder.Eventf(node, corev1.EventTypeWarning, "FailedToCreateRoute", "Could not create route %s %s for node %s: %v", node.UID, cidr, node.Name, err)
			failed = errors.Join(failed, fmt.Errorf("creating route to node %s: %w", node.Name, err))
		}
	}
	return errors.Join(failed, c.tell(ctx, node, failed == nil))
}

// tell writes the condition that says whether pods of a Node can be reached, if it says something else.
func (c *Controller) tell(ctx context.Context, node *corev1.Node, reachable bool) error {
	condition := corev1.NodeCondition{Type: corev1.NodeNetworkUnavailable, Status: corev1.ConditionFalse, Reason: "RouteCreated", Message: "RouteController created a route"}
	if !reachable {
		condition.Status, condition.Reason, condition.Message = corev1.ConditionTrue, "NoRouteCreated", "RouteController failed to create a route"
	}
	now := metav1.NewTime(c.Clock.Now())
	condition.LastHeartbeatTime, condition.LastTransitionTime = now, now
	return patch.StatusFields(ctx, c.Client, node, func(node *corev1.Node) {
		i := slices.IndexFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool { return c.Type == corev1.NodeNetworkUnavailable })
		switch {
		case i < 0:
			node.Status.Conditions = append(node.Status.Conditions, condition)
		case node.Status.Conditions[i].Status != condition.Status:
			node.Status.Conditions[i] = condition
		}
	})
}

// Register puts the controller on mgr if the cloud has routes. It wakes when a Node comes, goes, or gets another network or
// other addresses.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	if deps.Cloud == nil {
		return nil
	}
	routes, ok := deps.Cloud.Routes()
	if !ok {
		return nil
	}
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "route_controller"), Routes: routes, Clock: deps.Clock, ClusterName: deps.ClusterName, Period: deps.Clouds.RoutePeriod}
	for _, cidr := range deps.ClusterCIDRs {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return fmt.Errorf("reading the pod network: %w", err)
		}
		c.ClusterCIDRs = append(c.ClusterCIDRs, prefix.Masked())
	}
	moves := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(*corev1.Node)
		after, also := e.ObjectNew.(*corev1.Node)
		return ok && also && (!slices.Equal(before.Spec.PodCIDRs, after.Spec.PodCIDRs) || !slices.Equal(before.Status.Addresses, after.Status.Addresses))
	}}
	all := handler.EnqueueRequestsFromMapFunc(func(context.Context, client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: "all"}}}
	})
	return kit.New(mgr, Name).WithOptions(kit.Options(1)).Watches(&corev1.Node{}, all, builder.WithPredicates(moves)).Complete(c)
}
