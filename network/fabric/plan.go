package fabric

import (
	"crypto/sha256"
	"net"
	"net/netip"
	"slices"
)

// Mode says how packets travel between nodes.
type Mode string

const (
	// Auto routes to peers on the same link and tunnels to the others.
	Auto Mode = "auto"
	// HostGW routes to all; a peer that is not on the same link is not reachable.
	HostGW Mode = "host-gw"
	// VXLAN tunnels to all. It is the one for networks that check the addresses of what is sent, as clouds do.
	VXLAN Mode = "vxlan"
)

// What VXLAN adds to a packet: the outer IP header, 8 bytes of UDP, 8 of VXLAN and 14 of Ethernet.
const (
	overhead4 = 20 + 8 + 8 + 14
	overhead6 = 40 + 8 + 8 + 14
)

// situation is what the plan depends on beside Nodes.
type situation struct {
	mode Mode
	own  peer
	// links are the addresses of the node's links.
	links []attachment
}

// attachment is an address of a link.
type attachment struct {
	index   int
	mtu     int
	up      bool
	address netip.Addr
	// network is what is directly reachable over the link.
	network netip.Prefix
}

// plan is what there should be in the kernel.
type plan struct {
	// routes lead to pods: in the main table.
	routes map[netip.Prefix]route
	// nodes lead from our pods to nodes that are behind the tunnel: in a table of their own, so that the nodes themselves, and the
	// tunnel, go on talking to each other outside of it.
	nodes map[netip.Prefix]route
	// tunnel is nil when nobody needs it.
	tunnel *tunnel
	// reached are the addresses of the nodes that pods reach without masquerading.
	reached []netip.Addr
	// unreachable are the names of peers without a way to them.
	unreachable []string
	// mtu of pods. Zero: nothing is known of the node's link.
	mtu int
}

// route is one way. The kernel finds the link of a gateway by itself.
type route struct {
	gateway netip.Addr
	// tunnel routes over the tunnel's device, where the gateway is though no network says so.
	tunnel bool
	source netip.Addr
}

// tunnel is the VXLAN device and who is at its other ends.
type tunnel struct {
	link     int
	local    netip.Addr
	mtu      int
	hardware string
	// addresses of the device: what the node shows to pods behind the tunnel.
	addresses []netip.Addr
	// neighbours are the inner addresses of the other ends, with their hardware addresses.
	neighbours map[netip.Addr]string
	// ends are the outer addresses by hardware address.
	ends map[string]netip.Addr
}

// makePlan says what there should be so that the pods of all peers are reachable. It is a pure function.
func makePlan(s situation, others []peer) plan {
	p := plan{routes: map[netip.Prefix]route{}, nodes: map[netip.Prefix]route{}}
	uplink, ok := s.uplink()
	if !ok {
		for _, o := range others {
			p.unreachable = append(p.unreachable, o.name)
		}
		return p
	}
	p.mtu = uplink.mtu
	t := newTunnel(s.own, uplink)
	for _, o := range others {
		if len(o.podCIDRs) == 0 || len(o.addresses) == 0 {
			continue // it has not introduced itself yet
		}
		direct, tunnelled := p.connect(s, o, t)
		if !direct && !tunnelled {
			p.unreachable = append(p.unreachable, o.name)
			continue
		}
		p.reached = append(p.reached, o.addresses...)
	}
	if s.mode == VXLAN || len(t.ends) > 0 {
		p.tunnel, p.mtu = t, t.mtu
	}
	slices.SortFunc(p.reached, netip.Addr.Compare)
	p.reached = slices.Compact(p.reached)
	return p
}

// connect adds the ways to one peer.
func (p *plan) connect(s situation, o peer, t *tunnel) (direct, tunnelled bool) {
	for _, c := range o.podCIDRs {
		if overlaps(c, s.own.podCIDRs) {
			continue
		}
		via, ok := o.address(c.Addr().Is6())
		if ok && s.mode != VXLAN && s.onLink(via) {
			p.routes[c] = route{gateway: via}
			direct = true
			continue
		}
		if s.mode == HostGW || !t.reach(o) {
			continue
		}
		inner := t.source(c.Addr().Is6())
		if !inner.IsValid() {
			continue // the node has no pods of that family
		}
		gateway := c.Addr()
		p.routes[c] = route{gateway: gateway, tunnel: true, source: inner}
		t.neighbours[gateway] = hardwareAddress(t.outer(o))
		tunnelled = true
		for _, a := range o.addresses {
			if a.Is6() == c.Addr().Is6() {
				p.nodes[netip.PrefixFrom(a, a.BitLen())] = route{gateway: gateway, tunnel: true, source: inner}
			}
		}
	}
	return direct, tunnelled
}

func overlaps(c netip.Prefix, all []netip.Prefix) bool {
	return slices.ContainsFunc(all, c.Overlaps)
}

// uplink is the attachment with the node's own address.
func (s situation) uplink() (attachment, bool) {
	for _, a := range s.own.addresses {
		for _, l := range s.links {
			if l.address == a && !a.IsLoopback() {
				return l, true
			}
		}
	}
	return attachment{}, false
}

// onLink tells whether an address is directly reachable over one of the node's links.
func (s situation) onLink(a netip.Addr) bool {
	return slices.ContainsFunc(s.links, func(l attachment) bool {
		return l.network.Contains(a) && !overlaps(l.network, s.own.podCIDRs)
	})
}

func newTunnel(own peer, uplink attachment) *tunnel {
	t := &tunnel{
		link: uplink.index, local: uplink.address, hardware: hardwareAddress(uplink.address),
		neighbours: map[netip.Addr]string{}, ends: map[string]netip.Addr{},
	}
	t.mtu = uplink.mtu - overhead4
	if uplink.address.Is6() {
		t.mtu = uplink.mtu - overhead6
	}
	for _, c := range own.podCIDRs {
		t.addresses = append(t.addresses, c.Addr())
	}
	return t
}

func (t *tunnel) outer(o peer) netip.Addr {
	a, _ := o.address(t.local.Is6())
	return a
}

// reach adds the peer's end, unless it has no address of the tunnel's family.
func (t *tunnel) reach(o peer) bool {
	a := t.outer(o)
	if a.IsValid() {
		t.ends[hardwareAddress(a)] = a
	}
	return a.IsValid()
}

// source is the device's own address of the family.
func (t *tunnel) source(ipv6 bool) netip.Addr {
	for _, a := range t.addresses {
		if a.Is6() == ipv6 {
			return a
		}
	}
	return netip.Addr{}
}

// hardwareAddress of the end of a tunnel at a node's address. All nodes derive it alike, so nobody has to tell it.
func hardwareAddress(outer netip.Addr) string {
	sum := sha256.Sum256(outer.AsSlice())
	sum[0] = sum[0]&^1 | 2 // of one station, locally administered
	return net.HardwareAddr(sum[:6]).String()
}
