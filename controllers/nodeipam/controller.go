package nodeipam

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "nodeipam"

// workers write shares at the same time. They are handed out one after the other.
const workers = 8

// Controller gives nodes their pod networks.
type Controller struct {
	Client   client.Client
	Recorder record.EventRecorder
	Nodes    *patch.Nodes

	mu    sync.Mutex
	pools []*pool
	nodes map[string]*holding
}

// errGone says that a node was deleted after it had been read, or has got a network since: what it were given, nobody would give back, and
// a network is never replaced.
var errGone = errors.New("node is gone, or has a network")

// holding is what a node has, recorded as nodes come, change and go: a list of all for each would cost their square.
type holding struct {
	shares []netip.Prefix // as the node says
	given  []netip.Prefix // until the node says so
}

// Reconcile gives a node without pod network one.
func (c *Controller) Reconcile(ctx context.Context, node *corev1.Node) (reconcile.Result, error) {
	if !lacks(node) {
		return reconcile.Result{}, nil
	}
	_, err := c.choose(node.Name)
	if errors.Is(err, errExhausted) {
		c.Recorder.Eventf(node, corev1.EventTypeNormal, "CIDRNotAvailable", "Node %s status is now: CIDRNotAvailable", node.Name)
		return reconcile.Result{}, nil // a node that goes wakes all
	}
	if errors.Is(err, errGone) {
		return reconcile.Result{}, nil
	}
	if err != nil {
		return reconcile.Result{}, err
	}
	return patch.Result(reconcile.Result{}, c.Nodes.Write(ctx, c.Client, node))
}

// lacks says whether a node is to be given a pod network.
func lacks(node *corev1.Node) bool {
	return node.DeletionTimestamp == nil && len(node.Spec.PodCIDRs) == 0 && node.Spec.PodCIDR == ""
}

// change is what a node is given, if it can be.
func (c *Controller) change(node *corev1.Node) patch.Change {
	if !lacks(node) {
		return patch.Change{}
	}
	shares, err := c.choose(node.Name)
	if err != nil {
		return patch.Change{} // its own reconcile says why
	}
	cidrs := make([]string, len(shares))
	for i, share := range shares {
		cidrs[i] = share.String()
	}
	return patch.Change{Spec: map[string]any{"podCIDR": cidrs[0], "podCIDRs": cidrs}}
}

// choose picks a free share of each network and keeps it for the node.
func (c *Controller) choose(name string) ([]netip.Prefix, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	node := c.nodes[name]
	if node == nil || len(node.shares) > 0 {
		return nil, errGone
	}
	if node.given != nil {
		return node.given, nil
	}
	var shares []netip.Prefix
	for _, pool := range c.pools {
		share, err := pool.free()
		if err != nil {
			return nil, err
		}
		shares = append(shares, share)
		pool.metrics.found(pool)
	}
	node.given = shares
	c.each(shares, (*pool).take)
	return shares, nil
}

func (c *Controller) each(shares []netip.Prefix, do func(*pool, netip.Prefix)) {
	for _, pool := range c.pools {
		for _, share := range shares {
			do(pool, share)
		}
	}
}

// saw records what a node has, and says whether it has nothing.
func (c *Controller) saw(obj client.Object) bool {
	node, ok := obj.(*corev1.Node)
	if !ok {
		return false
	}
	shares := sharesOf(node)
	c.mu.Lock()
	defer c.mu.Unlock()
	before := c.nodes[node.Name]
	if before == nil {
		before = &holding{}
	}
	after := &holding{shares: shares}
	if !slices.Equal(before.shares, shares) {
		c.each(shares, (*pool).take)
		c.each(before.shares, (*pool).give)
	}
	if len(shares) == 0 {
		after.given = before.given
	} else {
		c.each(before.given, (*pool).give)
	}
	c.nodes[node.Name] = after
	return len(shares) == 0
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

// freed takes back what a deleted node had and returns the nodes that have nothing.
func (c *Controller) freed(gone string) []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if node := c.nodes[gone]; node != nil {
		c.each(node.given, (*pool).give)
		c.each(node.shares, (*pool).give)
	}
	delete(c.nodes, gone)
	var needy []string
	for name, node := range c.nodes {
		if len(node.shares) == 0 && node.given == nil {
			needy = append(needy, name)
		}
	}
	return needy
}

// changes wakes a node that has no share, and when another goes all that have none.
func (c *Controller) changes() handler.EventHandler {
	type requests = workqueue.TypedRateLimitingInterface[reconcile.Request]
	seen := func(node client.Object, queue requests) {
		if c.saw(node) {
			queue.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(node)})
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, queue requests) { seen(e.Object, queue) },
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, queue requests) { seen(e.ObjectNew, queue) },
		DeleteFunc: func(_ context.Context, e event.DeleteEvent, queue requests) {
			for _, name := range c.freed(e.Object.GetName()) {
				queue.Add(reconcile.Request{NamespacedName: client.ObjectKey{Name: name}})
			}
		},
	}
}

// Register puts the controller on mgr. It wakes when a node appears, and the nodes
// without a share when another goes.
func Register(_ context.Context, mgr manager.Manager, deps kit.Deps) error {
	if len(deps.ClusterCIDRs) == 0 {
		return nil
	}
	c := &Controller{Client: mgr.GetClient(), Recorder: kit.Recorder(mgr, "cidrAllocator"), Nodes: patch.NodesOf(mgr), nodes: map[string]*holding{}}
	counts := newMetrics(deps.Metrics)
	for _, cidr := range deps.ClusterCIDRs {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return fmt.Errorf("parsing cluster CIDR: %w", err)
		}
		bits := deps.NodeCIDRMaskIPv4
		if prefix.Addr().Is6() {
			bits = deps.NodeCIDRMaskIPv6
		}
		pool, err := newPool(prefix, bits)
		if err != nil {
			return err
		}
		pool.metrics = counts
		c.pools = append(c.pools, pool)
	}
	for _, cidr := range deps.ServiceCIDRs {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return fmt.Errorf("parsing service CIDR: %w", err)
		}
		c.each([]netip.Prefix{prefix}, (*pool).take)
	}
	if err := kit.Show(mgr, deps.Metrics, usage{c}); err != nil {
		return err
	}
	c.Nodes.Add(c.change)
	return kit.New(mgr, Name).
		Watches(&corev1.Node{}, c.changes()).
		WithOptions(kit.Options(workers)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
