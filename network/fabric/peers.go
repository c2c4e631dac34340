package fabric

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"github.com/coxswain-k8s/coxswain/network/subscription"
)

// peer is what a Node says of its place in the network.
type peer struct {
	name string
	// addresses are its InternalIPs, in the Node's order.
	addresses []netip.Addr
	// podCIDRs are its share of the pods' networks.
	podCIDRs []netip.Prefix
}

func (p peer) equal(o peer) bool {
	return p.name == o.name && slices.Equal(p.addresses, o.addresses) && slices.Equal(p.podCIDRs, o.podCIDRs)
}

// address is the peer's first one of the family.
func (p peer) address(ipv6 bool) (netip.Addr, bool) {
	for _, a := range p.addresses {
		if a.Is6() == ipv6 {
			return a, true
		}
	}
	return netip.Addr{}, false
}

func toPeer(n *corev1.Node) peer {
	p := peer{name: n.Name}
	for _, a := range n.Status.Addresses {
		if a.Type != corev1.NodeInternalIP {
			continue
		}
		if ip, err := netip.ParseAddr(a.Address); err == nil {
			p.addresses = append(p.addresses, ip.Unmap())
		}
	}
	all := n.Spec.PodCIDRs
	if len(all) == 0 && n.Spec.PodCIDR != "" {
		all = []string{n.Spec.PodCIDR}
	}
	for _, s := range all {
		if c, err := netip.ParsePrefix(s); err == nil {
			p.podCIDRs = append(p.podCIDRs, c.Masked())
		}
	}
	return p
}

// peers is what the informer has said. Heartbeats and the like change nothing in it and wake nobody.
type peers struct {
	self string
	wake func() // when self changes
	join func() // when another node does

	mu  sync.Mutex
	all map[string]peer
}

// watch subscribes to Nodes and waits until all are known.
func (p *peers) watch(ctx context.Context, c cache.Cache) (stop func(), err error) {
	nodes, err := subscription.Open(ctx, c, subscription.Kind{Object: &corev1.Node{}, Handler: subscription.Handler(p.set, p.remove)})
	if err != nil {
		return nil, err
	}
	nodes.Wait(ctx)
	return nodes.Stop, nil
}

func (p *peers) set(node *corev1.Node) {
	next := toPeer(node)
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.all[node.Name]; ok && old.equal(next) {
		return
	}
	p.all[node.Name] = next
	p.tell(node.Name)
}

func (p *peers) remove(node *corev1.Node) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, node.Name)
	p.tell(node.Name)
}

func (p *peers) tell(name string) {
	if name == p.self {
		p.wake()
	} else {
		p.join()
	}
}

// count is how many nodes are known.
func (p *peers) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.all)
}

// split returns the node itself and the others, sorted by name.
func (p *peers) split(self string) (own peer, others []peer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(p.all)) {
		if name == self {
			own = p.all[name]
		} else {
			others = append(others, p.all[name])
		}
	}
	return own, others
}
