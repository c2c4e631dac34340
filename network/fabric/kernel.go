package fabric

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// What marks ours in the kernel.
const (
	// protocol of our routes and rules.
	protocol = 204
	// table of the routes to nodes behind the tunnel, for pods.
	table = 1093
	// priority of the rule that sends pods to the table: before the main table's.
	priority = 1093
)

// kernel changes routes, rules and the tunnel of the network namespace in which it was opened.
type kernel struct {
	handle *netlink.Handle
	port   int
	vni    int
}

func openKernel(port, vni int) (*kernel, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening a netlink socket: %w", err)
	}
	return &kernel{handle: h, port: port, vni: vni}, nil
}

func (k *kernel) close() { k.handle.Close() }

// whole lists again while the kernel says that something changed in the middle, which may leave out what there is. All that the plan
// does not see is removed, so part of a list is worse than none.
func whole[T any](list func() ([]T, error)) ([]T, error) {
	const attempts = 5
	var err error
	for range attempts {
		var all []T
		if all, err = list(); err == nil {
			return all, nil
		}
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	return nil, err
}

// links lists the addresses of the links, those that only reach this machine or this link apart.
func (k *kernel) links() ([]attachment, error) {
	links, err := whole(k.handle.LinkList)
	if err != nil {
		return nil, fmt.Errorf("listing links: %w", err)
	}
	byIndex := map[int]netlink.Link{}
	for _, l := range links {
		byIndex[l.Attrs().Index] = l
	}
	addresses, err := whole(func() ([]netlink.Addr, error) { return k.handle.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("listing addresses: %w", err)
	}
	var out []attachment
	for _, a := range addresses {
		l, ok := byIndex[a.LinkIndex]
		if !ok || a.IPNet == nil || a.IP.IsLinkLocalUnicast() || l.Attrs().Name == deviceName {
			continue
		}
		network := a.IPNet
		if a.Peer != nil {
			network = a.Peer
		}
		address, _ := netip.AddrFromSlice(a.IP)
		out = append(out, attachment{
			index: a.LinkIndex, mtu: l.Attrs().MTU, up: l.Attrs().Flags&net.FlagUp != 0,
			address: address.Unmap(), network: toPrefix(network),
		})
	}
	return out, nil
}

// apply changes what is not as planned. It goes on after an error: one peer's failure is not another's.
func (k *kernel) apply(p plan, own []netip.Prefix) error {
	device, err := k.ensureTunnel(p.tunnel)
	errs := []error{err}
	errs = append(errs, k.applyRoutes(p.routes, unix.RT_TABLE_MAIN, device))
	errs = append(errs, k.applyRoutes(p.nodes, table, device))
	errs = append(errs, k.applyRules(p, own))
	return errors.Join(errs...)
}

// applyRoutes removes our routes of the table that are not wanted and adds those that are missing.
func (k *kernel) applyRoutes(wanted map[netip.Prefix]route, table, device int) error {
	var errs []error
	have := map[netip.Prefix]bool{}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		all, err := k.handle.RouteListFiltered(family, &netlink.Route{Table: table, Protocol: protocol}, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_PROTOCOL)
		if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
			return fmt.Errorf("listing routes: %w", err)
		}
		for i := range all {
			r := &all[i]
			to := toPrefix(r.Dst)
			if w, ok := wanted[to]; ok && same(r, w, device) && !have[to] {
				have[to] = true
				continue
			}
			if err := k.handle.RouteDel(r); err != nil && !errors.Is(err, unix.ESRCH) {
				errs = append(errs, fmt.Errorf("removing the route to %s: %w", to, err))
			}
		}
	}
	for to, w := range wanted {
		if have[to] || w.tunnel && device == 0 {
			continue
		}
		if err := k.handle.RouteReplace(w.kernel(to, table, device)); err != nil {
			errs = append(errs, fmt.Errorf("routing %s by %s: %w", to, w.gateway, err))
		}
	}
	return errors.Join(errs...)
}

func same(r *netlink.Route, w route, device int) bool {
	gateway, _ := netip.AddrFromSlice(r.Gw)
	source, _ := netip.AddrFromSlice(r.Src)
	return gateway.Unmap() == w.gateway && source.Unmap() == w.source && (r.LinkIndex == device) == w.tunnel
}

func (w route) kernel(to netip.Prefix, table, device int) *netlink.Route {
	r := &netlink.Route{Dst: fromPrefix(to), Gw: w.gateway.AsSlice(), Table: table, Protocol: protocol}
	if w.source.IsValid() {
		r.Src = w.source.AsSlice()
	}
	if w.tunnel {
		r.LinkIndex = device
		r.SetFlag(netlink.FLAG_ONLINK)
	}
	return r
}

// applyRules sends what pods send to the table of tunnelled nodes, where there are any.
func (k *kernel) applyRules(p plan, own []netip.Prefix) error {
	wanted := map[netip.Prefix]bool{}
	for to := range p.nodes {
		for _, c := range own {
			if c.Addr().Is6() == to.Addr().Is6() {
				wanted[c] = true
			}
		}
	}
	var errs []error
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		all, err := k.handle.RuleListFiltered(family, &netlink.Rule{Table: table}, netlink.RT_FILTER_TABLE)
		if err != nil {
			errs = append(errs, fmt.Errorf("listing rules: %w", err))
			continue
		}
		for i := range all {
			from := toPrefix(all[i].Src)
			if wanted[from] {
				delete(wanted, from)
				continue
			}
			all[i].Family = family
			if err := k.handle.RuleDel(&all[i]); err != nil && !errors.Is(err, unix.ENOENT) {
				errs = append(errs, fmt.Errorf("removing the rule for %s: %w", from, err))
			}
		}
	}
	for from := range wanted {
		r := netlink.NewRule()
		r.Src, r.Table, r.Priority, r.Protocol = fromPrefix(from), table, priority, protocol
		if err := k.handle.RuleAdd(r); err != nil && !errors.Is(err, unix.EEXIST) {
			errs = append(errs, fmt.Errorf("adding the rule for %s: %w", from, err))
		}
	}
	return errors.Join(errs...)
}

func toPrefix(n *net.IPNet) netip.Prefix {
	if n == nil {
		return netip.Prefix{}
	}
	ip, _ := netip.AddrFromSlice(n.IP)
	ones, bits := n.Mask.Size()
	if ip = ip.Unmap(); ip.Is4() && bits == 128 {
		ones -= 96
	}
	return netip.PrefixFrom(ip, ones).Masked()
}

func fromPrefix(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
