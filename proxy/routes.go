package proxy

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// protocolCoxswain marks the routes that are ours in the kernel's table.
const protocolCoxswain = 203

// routeServices routes the ranges of cluster IPs over the link that has the node's address. Packets to a cluster IP never get that
// far: they are rewritten or rejected. But the kernel looks for a route before it rewrites what a process of the node sends.
func routeServices(ranges []netip.Prefix, nodeIPs []netip.Addr) error {
	var errs []error
	for _, r := range ranges {
		link, source, err := uplink(nodeIPs, r.Addr().Is6())
		if err != nil {
			errs = append(errs, fmt.Errorf("routing %s: %w", r, err))
			continue
		}
		route := &netlink.Route{Dst: ipNet(r), LinkIndex: link, Src: source, Protocol: protocolCoxswain}
		if source.To4() != nil {
			route.Scope = netlink.SCOPE_LINK
		}
		if err := netlink.RouteReplace(route); err != nil {
			errs = append(errs, fmt.Errorf("routing %s: %w", r, err))
		}
	}
	return errors.Join(errs...)
}

// unrouteServices removes the routes.
func unrouteServices(ranges []netip.Prefix) error {
	var errs []error
	for _, r := range ranges {
		err := netlink.RouteDel(&netlink.Route{Dst: ipNet(r), Protocol: protocolCoxswain})
		if err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("removing the route of %s: %w", r, err))
		}
	}
	return errors.Join(errs...)
}

// uplink finds the link that has the node's address of the family, or else the first one with a global address.
func uplink(nodeIPs []netip.Addr, ipv6 bool) (index int, source net.IP, err error) {
	family := unix.AF_INET
	if ipv6 {
		family = unix.AF_INET6
	}
	all, err := netlink.AddrList(nil, family)
	if err != nil {
		return 0, nil, fmt.Errorf("listing addresses: %w", err)
	}
	for _, a := range all {
		ip, _ := netip.AddrFromSlice(a.IP)
		for _, n := range nodeIPs {
			if n == ip.Unmap() && !ip.IsLoopback() {
				return a.LinkIndex, a.IP, nil
			}
		}
	}
	for _, a := range all {
		if a.IP.IsGlobalUnicast() {
			return a.LinkIndex, a.IP, nil
		}
	}
	return 0, nil, errors.New("the node has no address of that family")
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Masked().Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
