package fabric

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/network"
	"github.com/coxswain-k8s/coxswain/network/packetfilter"
	"github.com/coxswain-k8s/coxswain/test/netns"
)

// world is a router with a switch of its own for each network, and nodes with one pod each.
//
//	pod 10.42.1.10 ── node 192.168.1.1 ── switch ── router ── switch ── node 192.168.2.2 ── pod 10.42.2.10
type world struct {
	t      *testing.T
	router *netns.Namespace
	nodes  map[int]*node
	store  *store
}

// node number n has the pods 10.42.n.0/24 and fd42:n::/64.
type node struct {
	number   int
	ns, pod  *netns.Namespace
	address  string
	address6 string
	mode     Mode
	stop     func()
	// subscribe takes the place of the fabric's own.
	subscribe func(ctx context.Context, wake func()) (<-chan struct{}, error)
	ways      chan network.Ways
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, router: netns.New(t, "router"), nodes: map[int]*node{}, store: newStore()}
	w.router.Sysctl(t, "net/ipv4/ip_forward", "1")
	w.router.Sysctl(t, "net/ipv6/conf/all/forwarding", "1")
	w.router.Sysctl(t, "net/ipv4/conf/all/rp_filter", "1")
	return w
}

func (n *node) podIP() string  { return fmt.Sprintf("10.42.%d.10", n.number) }
func (n *node) podIP6() string { return fmt.Sprintf("fd42:%d::10", n.number) }
func (n *node) podCIDRs() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.42.%d.0/24", n.number)), netip.MustParsePrefix(fmt.Sprintf("fd42:%d::/64", n.number))}
}

// addSwitch makes a network 192.168.n.0/24 (fd50:n::/64) with the router in it.
func (w *world) addSwitch(n int) {
	w.router.Do(w.t, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = fmt.Sprintf("sw%d", n)
		bridge := &netlink.Bridge{LinkAttrs: attrs}
		if err := netlink.LinkAdd(bridge); err != nil {
			return err
		}
		for _, s := range []string{fmt.Sprintf("192.168.%d.254/24", n), fmt.Sprintf("fd50:%d::fe/64", n)} {
			a, err := netlink.ParseAddr(s)
			if err != nil {
				return err
			}
			if err := netlink.AddrAdd(bridge, a); err != nil {
				return err
			}
		}
		return netlink.LinkSetUp(bridge)
	})
}

// addNode puts node number n into the network of a switch, and its fabric to work.
func (w *world) addNode(n, network int, mode Mode) *node {
	t := w.t
	it := &node{
		number: n, ns: netns.New(t, fmt.Sprintf("node%d", n)), pod: netns.New(t, fmt.Sprintf("pod%d", n)), mode: mode,
		address: fmt.Sprintf("192.168.%d.%d", network, n), address6: fmt.Sprintf("fd50:%d::%d", network, n),
	}
	for _, name := range []string{"net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding", "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter"} {
		it.ns.Sysctl(t, name, "1")
	}
	port := fmt.Sprintf("port%d", n)
	w.router.Connect(t, it.ns, port, nil, []string{it.address + "/24", it.address6 + "/64"})
	w.router.Do(t, func() error {
		link, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		bridge, err := netlink.LinkByName(fmt.Sprintf("sw%d", network))
		if err != nil {
			return err
		}
		return netlink.LinkSetMaster(link, bridge)
	})
	it.ns.Route(t, "0.0.0.0/0", "eth0", fmt.Sprintf("192.168.%d.254", network))
	it.ns.Route(t, "::/0", "eth0", fmt.Sprintf("fd50:%d::fe", network))
	it.ns.Connect(t, it.pod, "pod", []string{fmt.Sprintf("10.42.%d.1/24", n), fmt.Sprintf("fd42:%d::1/64", n)}, []string{it.podIP() + "/24", it.podIP6() + "/64"})
	it.pod.Route(t, "0.0.0.0/0", "eth0", fmt.Sprintf("10.42.%d.1", n))
	it.pod.Route(t, "::/0", "eth0", fmt.Sprintf("fd42:%d::1", n))
	for _, ns := range []*netns.Namespace{it.ns, it.pod} {
		serve(t, ns)
	}
	w.nodes[n] = it
	w.run(it)
	w.publish(it)
	return it
}

// run starts the node's fabric, and its masquerading as the pod network would.
func (w *world) run(n *node) {
	ctx, cancel := context.WithCancel(w.t.Context())
	n.ways = make(chan network.Ways, 100)
	f := &Fabric{Cache: w.store, NodeName: n.ns.Name, Mode: n.mode, subscribe: n.subscribe}
	done := make(chan error, 1)
	go func() {
		done <- n.ns.Try(func() error {
			return f.Run(ctx, n.podCIDRs(), func(ways network.Ways) {
				inside := []netip.Prefix{netip.MustParsePrefix("10.42.0.0/16"), netip.MustParsePrefix("fd42::/16")}
				if err := packetfilter.Masquerade(n.podCIDRs(), inside, ways.Nodes); err != nil {
					w.t.Errorf("masquerading: %v", err)
				}
				n.ways <- ways
			})
		})
	}()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			w.t.Errorf("running the fabric of %s: %v", n.ns.Name, err)
		}
	})
	w.t.Cleanup(n.stop)
}

// publish writes the node's Node.
func (w *world) publish(n *node) {
	o := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: n.ns.Name}}
	for _, c := range n.podCIDRs() {
		o.Spec.PodCIDRs = append(o.Spec.PodCIDRs, c.String())
	}
	o.Spec.PodCIDR = o.Spec.PodCIDRs[0]
	for _, a := range []string{n.address, n.address6} {
		o.Status.Addresses = append(o.Status.Addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a})
	}
	w.store.set(o)
}

// expect waits until from reaches the address and is seen there as client.
func (w *world) expect(from *netns.Namespace, address, client string) {
	w.t.Helper()
	var seen string
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if seen, err = dial(from, address); err == nil && seen == client {
			return
		}
	}
	w.t.Errorf("from %s to %s: seen as %q, want %q, %v", from.Name, address, seen, client, err)
}

// expectAll checks all pairs of nodes and pods.
func (w *world) expectAll() {
	w.t.Helper()
	for _, a := range w.nodes {
		for _, b := range w.nodes {
			if a == b {
				continue
			}
			w.expect(a.pod, b.podIP(), a.podIP())
			w.expect(a.pod, b.address, a.podIP())
			w.expect(a.pod, b.podIP6(), a.podIP6())
			w.expect(a.pod, b.address6, a.podIP6())
			for _, pod := range []string{b.podIP(), b.podIP6()} {
				if _, err := dialWithin(30*time.Second, a.ns, pod); err != nil {
					w.t.Errorf("from %s to the pod of %s: %v", a.ns.Name, b.ns.Name, err)
				}
			}
		}
	}
}

// expectRoutes waits until the node has so many of our routes in its main table.
func (w *world) expectRoutes(n *node, want int) {
	w.t.Helper()
	var have int
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		n.ns.Do(w.t, func() error {
			all, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Protocol: protocol}, netlink.RT_FILTER_PROTOCOL)
			have = len(all)
			return err
		})
		if have == want {
			return
		}
	}
	w.t.Errorf("%s has %d routes to pods, want %d", n.ns.Name, have, want)
}

// dial returns which address the server sees.
func dial(from *netns.Namespace, address string) (string, error) {
	return dialWithin(200*time.Millisecond, from, address)
}

func dialWithin(patience time.Duration, from *netns.Namespace, address string) (string, error) {
	var line string
	err := from.Try(func() error {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(address, "8080"), patience)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		if err := c.SetDeadline(time.Now().Add(max(patience, time.Second))); err != nil {
			return err
		}
		line, err = bufio.NewReader(c).ReadString('\n')
		return err
	})
	return strings.TrimSpace(line), err
}

// serve tells every client its address and then sends more than fits into a packet.
func serve(t *testing.T, ns *netns.Namespace) {
	var l net.Listener
	ns.Do(t, func() error {
		var err error
		l, err = net.Listen("tcp", ":8080")
		return err
	})
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			host, _, _ := net.SplitHostPort(c.RemoteAddr().String())
			ip, _ := netip.ParseAddr(host)
			_, _ = fmt.Fprintf(c, "%s%s\n", ip.Unmap(), strings.Repeat(" ", 20_000))
			_ = c.Close()
		}
	}()
}

// store is a cache with an informer of Nodes that never forgets to replay.
type store struct {
	cache.Cache

	mu       sync.Mutex
	nodes    map[string]*corev1.Node
	handlers map[*registration]toolscache.ResourceEventHandler
}

func newStore() *store {
	return &store{nodes: map[string]*corev1.Node{}, handlers: map[*registration]toolscache.ResourceEventHandler{}}
}

func (s *store) GetInformer(context.Context, client.Object, ...cache.InformerGetOption) (cache.Informer, error) {
	return informer{s: s}, nil
}

func (s *store) set(n *corev1.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.nodes[n.Name]
	s.nodes[n.Name] = n
	for _, h := range s.handlers {
		if ok {
			h.OnUpdate(old, n)
		} else {
			h.OnAdd(n, false)
		}
	}
}

func (s *store) remove(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.nodes[name]
	delete(s.nodes, name)
	for _, h := range s.handlers {
		h.OnDelete(old)
	}
}

type informer struct {
	cache.Informer
	s *store
}

type registration struct {
	toolscache.ResourceEventHandlerRegistration
}

func (*registration) HasSynced() bool { return true }

func (i informer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	r := &registration{}
	i.s.handlers[r] = h
	for _, n := range i.s.nodes {
		h.OnAdd(n, true)
	}
	return r, nil
}

func (i informer) RemoveEventHandler(r toolscache.ResourceEventHandlerRegistration) error {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	delete(i.s.handlers, r.(*registration))
	return nil
}
