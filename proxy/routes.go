package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// protocolCoxswain marks the routes that are ours in the kernel's table.
const protocolCoxswain = 203

// serviceRoutes routes the ranges of cluster IPs over the link that has the node's address. Packets to a cluster IP never get that
// far: they are rewritten or rejected. But the kernel looks for a route before it rewrites what a process of the node sends.
type serviceRoutes struct {
	ranges  []netip.Prefix
	nodeIPs []netip.Addr
	handle  *netlink.Handle
	// changed has an element when a link or an address has changed: the kernel takes the routes over a link away when it goes down.
	changed chan struct{}
	// lost is closed when events were lost, which ends a subscription for good.
	lost <-chan struct{}
}

// receiveBuffer of a subscription: a burst of events fits. The kernel gives as much of it as it allows everybody.
const receiveBuffer = 1 << 20

// openServiceRoutes opens sockets in the calling thread's network namespace; it listens until ctx ends.
func openServiceRoutes(ctx context.Context, ranges []netip.Prefix, nodeIPs []netip.Addr) (*serviceRoutes, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening a netlink socket: %w", err)
	}
	r := &serviceRoutes{ranges: ranges, nodeIPs: nodeIPs, handle: h, changed: make(chan struct{}, 1)}
	if err := r.subscribe(ctx); err != nil {
		h.Close()
		return nil, err
	}
	return r, nil
}

// subscribe listens until ctx ends or events are lost, in the calling thread's network namespace.
func (r *serviceRoutes) subscribe(ctx context.Context) error {
	links, addresses := make(chan netlink.LinkUpdate, 16), make(chan netlink.AddrUpdate, 16)
	ctx, cancel := context.WithCancel(ctx)
	err := errors.Join(
		netlink.LinkSubscribeWithOptions(links, ctx.Done(), netlink.LinkSubscribeOptions{ReceiveBufferSize: receiveBuffer}),
		netlink.AddrSubscribeWithOptions(addresses, ctx.Done(), netlink.AddrSubscribeOptions{ReceiveBufferSize: receiveBuffer}),
	)
	if err != nil {
		cancel()
		return fmt.Errorf("subscribing to links: %w", err)
	}
	lost := make(chan struct{})
	r.lost = lost
	go func() {
		defer close(lost)
		r.listen(cancel, links, addresses)
	}()
	return nil
}

// listen passes on what concerns the node's addresses and the links that go up. Links of pods are ports of a bridge. When one
// channel is closed, it cancels the other's subscription.
func (r *serviceRoutes) listen(cancel func(), links <-chan netlink.LinkUpdate, addresses <-chan netlink.AddrUpdate) {
	up := map[int32]bool{}
	for links != nil || addresses != nil {
		relevant := false
		select {
		case u, ok := <-links:
			if !ok {
				links = nil
				cancel()
				continue
			}
			now := u.Attrs().Flags&net.FlagUp != 0 && u.Header.Type == unix.RTM_NEWLINK
			relevant = now && !up[u.Index] && u.Attrs().MasterIndex == 0
			if up[u.Index] = now; !now {
				delete(up, u.Index)
			}
		case u, ok := <-addresses:
			if !ok {
				addresses = nil
				cancel()
				continue
			}
			ip, _ := netip.AddrFromSlice(u.LinkAddress.IP)
			relevant = u.NewAddr && slices.Contains(r.nodeIPs, ip.Unmap())
		}
		if relevant {
			select {
			case r.changed <- struct{}{}:
			default:
			}
		}
	}
}

func (r *serviceRoutes) close() { r.handle.Close() }

// set makes the routes what they should be.
func (r *serviceRoutes) set() error {
	var errs []error
	for _, to := range r.ranges {
		link, source, err := r.uplink(to.Addr().Is6())
		if err != nil {
			errs = append(errs, fmt.Errorf("routing %s: %w", to, err))
			continue
		}
		route := &netlink.Route{Dst: ipNet(to), LinkIndex: link, Src: source, Protocol: protocolCoxswain}
		if source.To4() != nil {
			route.Scope = netlink.SCOPE_LINK
		}
		if err := r.handle.RouteReplace(route); err != nil {
			errs = append(errs, fmt.Errorf("routing %s: %w", to, err))
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
func (r *serviceRoutes) uplink(ipv6 bool) (index int, source net.IP, err error) {
	family := unix.AF_INET
	if ipv6 {
		family = unix.AF_INET6
	}
	all, err := r.handle.AddrList(nil, family)
	if err != nil {
		return 0, nil, fmt.Errorf("listing addresses: %w", err)
	}
	for _, a := range all {
		ip, _ := netip.AddrFromSlice(a.IP)
		for _, n := range r.nodeIPs {
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
