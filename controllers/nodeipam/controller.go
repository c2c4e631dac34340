package nodeipam

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
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
const Name = "nodeipam"

// Controller gives nodes their pod networks. It has one worker: shares are handed out
// one after the other.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
	Networks []Network

	mu    sync.Mutex
	given map[string][]netip.Prefix // by node, until the cache shows it
}

// Network is a pod network and the size of a node's share of it.
type Network struct {
	Prefix netip.Prefix
	Bits   int
}

// Reconcile gives a node without pod network one.
func (c *Controller) Reconcile(ctx context.Context, node *corev1.Node) (reconcile.Result, error) {
	if node.DeletionTimestamp != nil || len(node.Spec.PodCIDRs) > 0 || node.Spec.PodCIDR != "" {
		return reconcile.Result{}, nil
	}
	shares, err := c.choose(ctx, node.Name)
	if errors.Is(err, errExhausted) {
		c.Recorder.Eventf(node, corev1.EventTypeNormal, "CIDRNotAvailable", "Node %s status is now: CIDRNotAvailable", node.Name)
		return reconcile.Result{}, nil // a node that goes wakes all
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	return patch.Result(reconcile.Result{}, patch.Metadata(ctx, c.Client, node, func(changed *corev1.Node) {
		changed.Spec.PodCIDR = shares[0].String()
		for _, share := range shares {
			changed.Spec.PodCIDRs = append(changed.Spec.PodCIDRs, share.String())
		}
	}))
}

// choose picks a free share of each network and keeps it for the node.
func (c *Controller) choose(ctx context.Context, name string) ([]netip.Prefix, error) {
	var nodes corev1.NodeList
	if err := c.Client.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if given := c.given[name]; given != nil {
		return given, nil
	}
	var used []netip.Prefix
	for i := range nodes.Items {
		used = append(used, sharesOf(&nodes.Items[i])...)
	}
	for _, given := range c.given {
		used = append(used, given...)
	}
	var shares []netip.Prefix
	for _, network := range c.Networks {
		share, err := free(network.Prefix, network.Bits, used)
		if err != nil {
			return nil, err
		}
		shares = append(shares, share)
	}
	c.given[name] = shares
	return shares, nil
}

func sharesOf(node *corev1.Node) []netip.Prefix {
	cidrs := node.Spec.PodCIDRs
	if len(cidrs) == 0 && node.Spec.PodCIDR != "" {
		cidrs = []string{node.Spec.PodCIDR}
	}
	var out []netip.Prefix
	for _, cidr := range cidrs {
		if prefix, err := netip.ParsePrefix(cidr); err == nil {
			out = append(out, prefix)
		}
	}
	return out
}

// freed forgets what a deleted node was given and wakes the nodes that have nothing.
func (c *Controller) freed(ctx context.Context, gone client.Object) []reconcile.Request {
	c.mu.Lock()
	delete(c.given, gone.GetName())
	c.mu.Unlock()
	var nodes corev1.NodeList
	if err := c.Client.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return nil
	}
	var requests []reconcile.Request
	for i := range nodes.Items {
		if len(nodes.Items[i].Spec.PodCIDRs) == 0 {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&nodes.Items[i])})
		}
	}
	return requests
}

// Register puts the controller on mgr. It wakes when a node appears, and the nodes
// without a share when another goes.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	if len(deps.ClusterCIDRs) == 0 {
		return nil
	}
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "cidrAllocator"), given: map[string][]netip.Prefix{}}
	for _, cidr := range deps.ClusterCIDRs {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return fmt.Errorf("parsing cluster CIDR: %w", err)
		}
		bits := deps.NodeCIDRMaskIPv4
		if prefix.Addr().Is6() {
			bits = deps.NodeCIDRMaskIPv6
		}
		if bits < prefix.Bits() {
			return fmt.Errorf("cluster CIDR %s is smaller than a node's share of /%d", prefix, bits)
		}
		c.Networks = append(c.Networks, Network{prefix, bits})
	}
	needy := predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return len(sharesOf(e.Object.(*corev1.Node))) == 0 },
		UpdateFunc: func(e event.UpdateEvent) bool {
			return len(sharesOf(e.ObjectNew.(*corev1.Node))) == 0
		},
		DeleteFunc: func(event.DeleteEvent) bool { return false },
	}
	deleted := predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(event.UpdateEvent) bool { return false },
	}
	return kit.New(mgr, Name).
		For(&corev1.Node{}, builder.WithPredicates(needy)).
		Watches(&corev1.Node{}, handler.EnqueueRequestsFromMapFunc(c.freed), builder.WithPredicates(deleted)).
		WithOptions(kit.Options(1)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
