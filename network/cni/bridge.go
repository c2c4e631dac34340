package cni

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/coxswain-k8s/coxswain/network/ipam"
)

// ensureBridge returns the bridge, up and with the gateways' addresses. It makes what is missing; a concurrent plugin may do the same.
func ensureBridge(c *Config) (netlink.Link, error) {
	link, err := netlink.LinkByName(c.Bridge)
	if err == nil && c.MTU > 0 && link.Attrs().MTU > c.MTU {
		// A bridge drops what is too large for the port of a pod, unless its own size is the smallest of them.
		if err := netlink.LinkSetMTU(link, c.MTU); err != nil {
			return nil, fmt.Errorf("setting the MTU of bridge %s: %w", c.Bridge, err)
		}
	}
	if err == nil && link.Attrs().Flags&net.FlagUp != 0 && hasGateways(link, c.Ranges) {
		return link, nil
	}
	if missing := new(netlink.LinkNotFoundError); errors.As(err, missing) {
		link, err = addBridge(c)
	}
	if err != nil {
		return nil, fmt.Errorf("finding bridge %s: %w", c.Bridge, err)
	}
	for _, r := range c.Ranges {
		gateway := netip.PrefixFrom(ipam.Gateway(r), r.Bits())
		address := &netlink.Addr{IPNet: &net.IPNet{IP: gateway.Addr().AsSlice(), Mask: net.CIDRMask(r.Bits(), r.Addr().BitLen())}}
		if r.Addr().Is6() {
			address.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrReplace(link, address); err != nil {
			return nil, fmt.Errorf("giving bridge %s the address %s: %w", c.Bridge, gateway, err)
		}
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return nil, fmt.Errorf("bringing bridge %s up: %w", c.Bridge, err)
	}
	return link, EnableForwarding(c.Ranges)
}

func hasGateways(link netlink.Link, ranges []netip.Prefix) bool {
	all, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return false
	}
	have := map[netip.Addr]bool{}
	for _, a := range all {
		ip, _ := netip.AddrFromSlice(a.IP)
		have[ip.Unmap()] = true
	}
	for _, r := range ranges {
		if !have[ipam.Gateway(r)] {
			return false
		}
	}
	return true
}

// addBridge makes the bridge with an address of its own, which it would otherwise take from its ports and change as they come and go.
func addBridge(c *Config) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.HardwareAddr = c.Bridge, c.MTU, hardwareAddress(ipam.Gateway(c.Ranges[0]))
	err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attrs})
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, err
	}
	return netlink.LinkByName(c.Bridge)
}

// hardwareAddress derives a link's address from its IP address, so that whoever has cached it is right when the IP address is used again.
func hardwareAddress(ip netip.Addr) net.HardwareAddr {
	b := ip.AsSlice()
	if ip.Is6() {
		sum := sha256.Sum256(b)
		b = sum[:4]
	}
	return append(net.HardwareAddr{0x0a, 0x58}, b...)
}

// EnableForwarding lets the node forward packets of the ranges' families.
func EnableForwarding(ranges []netip.Prefix) error {
	for _, r := range ranges {
		name := "/proc/sys/net/ipv4/ip_forward"
		if r.Addr().Is6() {
			name = "/proc/sys/net/ipv6/conf/all/forwarding"
			if err := keepListeningToRouters(name); err != nil {
				return fmt.Errorf("enabling forwarding: %w", err)
			}
		}
		if err := setSysctl(name, "1"); err != nil {
			return fmt.Errorf("enabling forwarding: %w", err)
		}
	}
	return nil
}

// keepListeningToRouters has the links that learn their default routes from routers go on with it. By default one that forwards
// does not, and a machine would be cut off some time later.
func keepListeningToRouters(forwarding string) error {
	const withoutForwarding, always = "1", "2"
	if on, err := os.ReadFile(forwarding); err != nil || string(bytes.TrimSpace(on)) != "0" {
		return err
	}
	names, err := filepath.Glob("/proc/sys/net/ipv6/conf/*/accept_ra")
	if err != nil {
		return err
	}
	for _, name := range names {
		if link := filepath.Base(filepath.Dir(name)); link == "all" || link == "default" {
			continue
		}
		if old, err := os.ReadFile(name); err != nil || string(bytes.TrimSpace(old)) != withoutForwarding {
			continue // or the link has gone
		}
		if err := os.WriteFile(name, []byte(always), 0o644); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// setSysctl writes a value unless it is there already.
func setSysctl(name, value string) error {
	if old, err := os.ReadFile(name); err == nil && string(bytes.TrimSpace(old)) == value {
		return nil
	}
	return os.WriteFile(name, []byte(value), 0o644)
}

func deleteLink(name string) error {
	link, err := netlink.LinkByName(name)
	if missing := new(netlink.LinkNotFoundError); errors.As(err, missing) {
		return nil
	}
	if err == nil {
		err = netlink.LinkDel(link)
	}
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("deleting link %s: %w", name, err)
	}
	return nil
}
