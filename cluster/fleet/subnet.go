package fleet

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"
)

// pool is where subnets are chosen.
var pool = netip.MustParsePrefix("10.88.0.0/16")

// freeSubnet is the first of the pool that neither this machine nor another cluster uses.
func freeSubnet(clusters string) (netip.Prefix, error) {
	used, err := usedSubnets()
	if err != nil {
		return netip.Prefix{}, err
	}
	for _, name := range Names(clusters) {
		if other, err := Open(clusters, name); err == nil {
			used = append(used, other.Subnet)
		}
	}
	first := pool.Addr().As4()
	for third := range 256 {
		first[2] = byte(third)
		candidate := netip.PrefixFrom(netip.AddrFrom4(first), 24)
		if !slices.ContainsFunc(used, candidate.Overlaps) {
			return candidate, nil
		}
	}
	return netip.Prefix{}, errors.New("every network below " + pool.String() + " is in use; choose another one with --subnet")
}

// usedSubnets are those of this machine's addresses and routes.
func usedSubnets() ([]netip.Prefix, error) {
	var used []netip.Prefix
	routes, err := netlink.RouteList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("listing routes: %w", err)
	}
	for _, route := range routes {
		if route.Dst == nil {
			continue
		}
		if ip, ok := netip.AddrFromSlice(route.Dst.IP.To4()); ok {
			if ones, _ := route.Dst.Mask.Size(); ones > 0 {
				used = append(used, netip.PrefixFrom(ip, ones))
			}
		}
	}
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("listing addresses: %w", err)
	}
	for _, address := range addresses {
		if ip, ok := netip.AddrFromSlice(address.IP.To4()); ok {
			ones, _ := address.Mask.Size()
			used = append(used, netip.PrefixFrom(ip, ones).Masked())
		}
	}
	return used, nil
}

// plugIn chooses the cluster's subnet and makes its switch there. Clusters that begin at the same time wait for each other
// at a folder that is always there, wherever on this machine they are kept: until there is a switch, a subnet looks free.
func (f *Fleet) plugIn() error {
	unlock, err := lock("/run")
	if err != nil {
		return err
	}
	defer unlock()
	if err := f.reserve(); err != nil {
		return err
	}
	return f.plug().Make()
}

// reserve writes the cluster down with a subnet of its own.
func (f *Fleet) reserve() (err error) {
	if !f.Subnet.IsValid() {
		if f.Subnet, err = freeSubnet(filepath.Dir(f.Dir)); err != nil {
			return err
		}
	}
	return f.save()
}
