package dns

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/go-logr/logr"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/network/subscription"
)

// Node is the name server of one node, and what leads the node's pods to it: they are answered where they are, whatever happens to
// other nodes.
type Node struct {
	// Server answers. Its cache gives the informer of Nodes too; it listens on the node's addresses.
	Server *Server
	// Client gets, creates and updates EndpointSlices of the namespace kube-system. It should read from the API, not from a cache.
	Client client.Client
	// Name of the Node.
	Name string

	woken chan struct{}
}

// retryDelay is how long after a failure the server is announced again.
const retryDelay = 2 * time.Second

// Run answers, and keeps the server announced, until ctx ends.
func (n *Node) Run(ctx context.Context) error {
	n.woken = make(chan struct{}, 1)
	both, ctx := errgroup.WithContext(ctx)
	both.Go(func() error { return n.Server.Run(ctx) })
	both.Go(func() error {
		select {
		case <-n.Server.Ready():
			return n.announce(ctx)
		case <-ctx.Done():
			return nil
		}
	})
	return both.Wait()
}

// announce writes the slices once the Node is there, and again when they or the Node were replaced.
func (n *Node) announce(ctx context.Context) error {
	log := logr.FromContextOrDiscard(ctx).WithName("dns")
	stop, err := n.watch(ctx)
	if err != nil {
		return fmt.Errorf("announcing the name server: %w", err)
	}
	defer stop()
	n.wake()
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.woken:
		case <-retry:
		}
		retry = nil
		err := n.write(ctx)
		switch {
		case err == nil || ctx.Err() != nil:
		case apierrors.IsInvalid(err): // a loopback address, all that a machine without a network has, is no endpoint
			log.Info("Pods do not reach the name server", "reason", err.Error())
		default:
			log.Error(err, "Pods may not find the name server", "again", retryDelay)
			retry = n.Server.Clock.After(retryDelay)
		}
	}
}

func (n *Node) wake() {
	select {
	case n.woken <- struct{}{}:
	default:
	}
}

// watch wakes when the Node appears or goes, or one of its slices goes or is changed.
func (n *Node) watch(ctx context.Context) (stop func(), err error) {
	look := func(o any) {
		if node, ok := o.(*corev1.Node); !ok || node.Name == n.Name { // whose end was missed comes as something else
			n.wake()
		}
	}
	changed := func(s *discoveryv1.EndpointSlice) {
		if n.isOwn(s) {
			n.wake()
		}
	}
	all, err := subscription.Open(ctx, n.Server.Cache,
		subscription.Kind{Object: &corev1.Node{}, Handler: toolscache.ResourceEventHandlerFuncs{AddFunc: look, DeleteFunc: look}}, // its updates are heartbeats
		subscription.Kind{Object: &discoveryv1.EndpointSlice{}, Handler: subscription.Handler(changed, changed)},
	)
	if err != nil {
		return nil, err
	}
	return all.Stop, nil
}

func (n *Node) isOwn(s *discoveryv1.EndpointSlice) bool {
	return s.Namespace == ServiceNamespace && slices.ContainsFunc(endpointSlices(place{name: n.Name}, n.Server.Addresses()),
		func(own *discoveryv1.EndpointSlice) bool { return own.Name == s.Name })
}

// write makes the slices what they should be. Without a Node there is nothing to announce yet.
func (n *Node) write(ctx context.Context) error {
	var node corev1.Node
	if err := n.Server.Cache.Get(ctx, types.NamespacedName{Name: n.Name}, &node); apierrors.IsNotFound(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("getting node %s: %w", n.Name, err)
	}
	var errs []error
	for _, slice := range endpointSlices(place{node.Name, node.UID}, n.Server.Addresses()) {
		if err := n.ensure(ctx, slice); err != nil {
			errs = append(errs, fmt.Errorf("writing EndpointSlice %s: %w", slice.Name, err))
		}
	}
	return errors.Join(errs...)
}

func (n *Node) ensure(ctx context.Context, wanted *discoveryv1.EndpointSlice) error {
	stored := &discoveryv1.EndpointSlice{}
	if err := n.Client.Get(ctx, client.ObjectKeyFromObject(wanted), stored); apierrors.IsNotFound(err) {
		return n.Client.Create(ctx, wanted)
	} else if err != nil {
		return err
	}
	next := stored.DeepCopy()
	next.Labels, next.OwnerReferences = wanted.Labels, wanted.OwnerReferences
	next.Endpoints, next.Ports = wanted.Endpoints, wanted.Ports
	if equality.Semantic.DeepEqual(stored, next) {
		return nil
	}
	return n.Client.Update(ctx, next)
}

// Addresses on which a node's server listens: a free port on each of the node's own.
func Addresses(nodeIPs []netip.Addr) []netip.AddrPort {
	var out []netip.AddrPort
	for _, ip := range nodeIPs {
		out = append(out, netip.AddrPortFrom(ip, 0))
	}
	return out
}
