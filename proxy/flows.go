package proxy

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
)

// flows removes conntrack entries that would keep a UDP client with an endpoint that is gone: UDP has no end of a connection,
// so a client that goes on sending from one port would never be sent elsewhere.
type flows struct {
	handle  *netlink.Handle
	nodeIPs map[netip.Addr]bool
}

// openFlows opens the socket in the calling thread's network namespace. Without it, nothing is forgotten.
func openFlows(nodeIPs []netip.Addr) *flows {
	f := &flows{nodeIPs: map[netip.Addr]bool{}}
	for _, a := range nodeIPs {
		f.nodeIPs[a] = true
	}
	if h, err := netlink.NewHandle(unix.NETLINK_NETFILTER); err == nil {
		f.handle = h
	}
	return f
}

func (f *flows) close() {
	if f.handle != nil {
		f.handle.Close()
	}
}

// forget removes the flows to UDP frontends that the change concerns, unless they go to an endpoint that is still there.
// The conntrack table is read only when there is such a frontend.
func (f *flows) forget(s *rules.State, c *rules.Change) error {
	touched := touchedFrontends(s, c)
	if len(touched) == 0 || f.handle == nil {
		return nil
	}
	var errs []error
	for ipv6, family := range map[bool]netlink.InetFamily{false: unix.AF_INET, true: unix.AF_INET6} {
		filter := &staleFlows{live: map[rules.Frontend]map[netip.AddrPort]bool{}, nodeIPs: f.nodeIPs}
		for frontend := range touched {
			if frontend.IPv6 == ipv6 {
				filter.live[frontend] = liveEndpoints(s, frontend)
			}
		}
		if len(filter.live) == 0 {
			continue
		}
		if _, err := f.handle.ConntrackDeleteFilters(netlink.ConntrackTable, family, filter); err != nil {
			errs = append(errs, fmt.Errorf("deleting conntrack entries: %w", err))
		}
	}
	return errors.Join(errs...)
}

// touchedFrontends are the UDP frontends whose target or endpoints have changed, or that are gone.
func touchedFrontends(s *rules.State, c *rules.Change) map[rules.Frontend]bool {
	touched := map[rules.Frontend]bool{}
	for f := range c.SetFrontends {
		touched[f] = f.Protocol == corev1.ProtocolUDP
	}
	for _, f := range c.DeleteFrontends {
		touched[f] = f.Protocol == corev1.ProtocolUDP
	}
	pools := map[string]bool{}
	for _, p := range c.SetPools {
		if p.Protocol == corev1.ProtocolUDP {
			pools[p.Name] = true
		}
	}
	if len(pools) > 0 {
		for f, t := range s.Frontends() {
			if pools[t.Pool] || pools[t.InternalPool] {
				touched[f] = true
			}
		}
	}
	for f, udp := range touched {
		if !udp {
			delete(touched, f)
		}
	}
	return touched
}

func liveEndpoints(s *rules.State, f rules.Frontend) map[netip.AddrPort]bool {
	live := map[netip.AddrPort]bool{}
	t, ok := s.Target(f)
	if !ok {
		return live
	}
	for _, name := range []string{t.Pool, t.InternalPool} {
		pool, _ := s.Pool(name)
		for _, e := range pool.Endpoints {
			live[e] = true
		}
	}
	return live
}

// staleFlows matches flows to the given frontends that do not end at one of their live endpoints.
type staleFlows struct {
	live    map[rules.Frontend]map[netip.AddrPort]bool
	nodeIPs map[netip.Addr]bool
}

// MatchConntrackFlow implements netlink.CustomConntrackFilter.
func (s *staleFlows) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	if flow.Forward.Protocol != unix.IPPROTO_UDP {
		return false
	}
	to, _ := netip.AddrFromSlice(flow.Forward.DstIP)
	from, _ := netip.AddrFromSlice(flow.Reverse.SrcIP)
	to, from = to.Unmap(), from.Unmap()
	endpoint := netip.AddrPortFrom(from, flow.Reverse.SrcPort)
	frontend := rules.Frontend{Address: to, IPv6: to.Is6(), Protocol: corev1.ProtocolUDP, Port: flow.Forward.DstPort}
	if live, ok := s.live[frontend]; ok {
		return !live[endpoint]
	}
	frontend.Address = netip.Addr{}
	live, ok := s.live[frontend]
	// A flow that was not rewritten and is not to this node only happens to use the number of a node port.
	return ok && (to != from || s.nodeIPs[to]) && !live[endpoint]
}
