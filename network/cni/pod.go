package cni

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/coxswain-k8s/coxswain/network/ipam"
)

// pod is one container while it is put on the network.
type pod struct {
	config     *Config
	attachment ipam.Attachment
	bridge     netlink.Link
}

// hostLink is the name of the node's end of a container's veth pair.
func hostLink(k ipam.Key) string {
	sum := sha256.Sum256([]byte(k.ContainerID + "/" + k.Interface))
	return "veth" + hex.EncodeToString(sum[:4])
}

func (p *pod) hardwareAddress() net.HardwareAddr { return hardwareAddress(p.attachment.Addresses[0]) }

// connect makes the veth pair and sets up both ends.
func (p *pod) connect() error {
	ns, err := netns.GetFromPath(p.attachment.Namespace)
	if err != nil {
		return fmt.Errorf("opening network namespace %s: %w", p.attachment.Namespace, err)
	}
	defer func() { _ = ns.Close() }()
	name := hostLink(p.attachment.Key())
	if err := deleteLink(name); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.MTU, attrs.MasterIndex = name, p.config.MTU, p.bridge.Attrs().Index
	veth := &netlink.Veth{
		LinkAttrs: attrs, PeerName: p.attachment.Interface, PeerNamespace: netlink.NsFd(int(ns)), PeerHardwareAddr: p.hardwareAddress(),
		PeerMTU: uint32(p.config.MTU),
	}
	if err := netlink.LinkAdd(veth); err != nil {
		return fmt.Errorf("adding veth pair %s: %w", name, err)
	}
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("finding %s: %w", name, err)
	}
	if err := netlink.LinkSetHairpin(link, true); err != nil {
		return fmt.Errorf("setting hairpin mode on %s: %w", name, err)
	}
	if err := p.inside(ns); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("bringing %s up: %w", name, err)
	}
	return p.settle(ns, name)
}

// settle waits until the pod, when it begins, can send and be sent to, and tells both sides where the other is.
func (p *pod) settle(ns netns.NsHandle, name string) error {
	own, err := netns.Get()
	if err != nil {
		return fmt.Errorf("opening the own network namespace: %w", err)
	}
	defer func() { _ = own.Close() }()
	node, err := netlink.NewHandleAt(own, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("opening a netlink socket: %w", err)
	}
	defer node.Close()
	inside, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("opening a netlink socket in the pod: %w", err)
	}
	defer inside.Close()
	if err := errors.Join(awaitLink(node, own, name), awaitLink(node, own, p.config.Bridge), awaitLink(inside, ns, p.attachment.Interface)); err != nil {
		return err
	}
	link, err := inside.LinkByName(p.attachment.Interface)
	if err != nil {
		return fmt.Errorf("finding %s in the pod: %w", p.attachment.Interface, err)
	}
	for _, ip := range p.attachment.Addresses {
		gateway := gatewayOf(p.config.Ranges, ip)
		if err := errors.Join(
			awaitAddress(inside, ns, ip), awaitAddress(node, own, gateway),
			introduce(inside, link, gateway, p.bridge.Attrs().HardwareAddr), introduce(node, p.bridge, ip, p.hardwareAddress()),
		); err != nil {
			return err
		}
	}
	return nil
}

// introduce tells a neighbour's hardware address, so that the first packet need not wait for the answer to a question. The kernel
// makes sure of it later, and forgets it in time.
func introduce(h *netlink.Handle, link netlink.Link, ip netip.Addr, hardware net.HardwareAddr) error {
	family := unix.AF_INET
	if ip.Is6() {
		family = unix.AF_INET6
	}
	err := h.NeighSet(&netlink.Neigh{
		LinkIndex: link.Attrs().Index, Family: family, State: netlink.NUD_STALE, IP: ip.AsSlice(), HardwareAddr: hardware,
	})
	if err != nil {
		return fmt.Errorf("introducing %s: %w", ip, err)
	}
	return nil
}

// inside sets up the container's end.
func (p *pod) inside(ns netns.NsHandle) error {
	if err := p.sysctls(ns); err != nil {
		return err
	}
	h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("opening a netlink socket in the pod: %w", err)
	}
	defer h.Close()
	const loopback = 1
	if err := h.LinkSetUp(&netlink.Device{LinkAttrs: netlink.LinkAttrs{Index: loopback}}); err != nil {
		return fmt.Errorf("bringing the pod's loopback up: %w", err)
	}
	link, err := h.LinkByName(p.attachment.Interface)
	if err != nil {
		return fmt.Errorf("finding %s in the pod: %w", p.attachment.Interface, err)
	}
	for _, ip := range p.attachment.Addresses {
		address := &netlink.Addr{IPNet: host(ip)}
		if ip.Is6() {
			address.Flags = unix.IFA_F_NODAD
		}
		if err := h.AddrAdd(link, address); err != nil {
			return fmt.Errorf("giving the pod the address %s: %w", ip, err)
		}
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("bringing %s up in the pod: %w", p.attachment.Interface, err)
	}
	return p.routes(h, link)
}

// routes sends everything to the gateway, which is on the link though not in the pod's network.
func (p *pod) routes(h *netlink.Handle, link netlink.Link) error {
	for _, ip := range p.attachment.Addresses {
		gateway := gatewayOf(p.config.Ranges, ip)
		onLink := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: host(gateway), Src: ip.AsSlice(), Scope: netlink.SCOPE_LINK}
		if err := h.RouteAdd(onLink); err != nil {
			return fmt.Errorf("routing to the gateway %s in the pod: %w", gateway, err)
		}
		all := &net.IPNet{IP: make([]byte, ip.BitLen()/8), Mask: net.CIDRMask(0, ip.BitLen())}
		if err := h.RouteAdd(&netlink.Route{LinkIndex: link.Attrs().Index, Dst: all, Gw: gateway.AsSlice()}); err != nil {
			return fmt.Errorf("adding the pod's default route: %w", err)
		}
	}
	return nil
}

// sysctls: the gateway forwards back over the link that a packet came from, and tells so by redirects, which the pod must not heed.
func (p *pod) sysctls(ns netns.NsHandle) error {
	return within(ns, func() error {
		names := []string{
			"/proc/sys/net/ipv4/conf/all/accept_redirects",
			"/proc/sys/net/ipv4/conf/" + p.attachment.Interface + "/accept_redirects",
			"/proc/sys/net/ipv6/conf/" + p.attachment.Interface + "/accept_redirects",
			"/proc/sys/net/ipv6/conf/" + p.attachment.Interface + "/accept_dad",
		}
		for _, name := range names {
			if err := setSysctl(name, "0"); err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("setting the pod's %s: %w", name, err)
			}
		}
		return nil
	})
}

// within runs f on this thread inside of the namespace.
func within(ns netns.NsHandle, f func() error) (err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	own, err := netns.Get()
	if err != nil {
		return fmt.Errorf("opening the own network namespace: %w", err)
	}
	defer func() { _ = own.Close() }()
	if err := netns.Set(ns); err != nil {
		return fmt.Errorf("entering the pod's network namespace: %w", err)
	}
	defer func() { err = errors.Join(err, netns.Set(own)) }()
	return f()
}

// result is what the runtime is told.
func (p *pod) result() *current.Result {
	r := &current.Result{
		CNIVersion: current.ImplementedSpecVersion,
		Interfaces: []*current.Interface{
			{Name: p.config.Bridge, Mac: p.bridge.Attrs().HardwareAddr.String()},
			{Name: hostLink(p.attachment.Key())},
			{Name: p.attachment.Interface, Mac: p.hardwareAddress().String(), Mtu: p.config.MTU, Sandbox: p.attachment.Namespace},
		},
		DNS: p.config.DNS,
	}
	for _, ip := range p.attachment.Addresses {
		gateway := gatewayOf(p.config.Ranges, ip)
		r.IPs = append(r.IPs, &current.IPConfig{Interface: current.Int(2), Address: *host(ip), Gateway: gateway.AsSlice()})
		r.Routes = append(r.Routes, &types.Route{Dst: net.IPNet{IP: make([]byte, ip.BitLen()/8), Mask: net.CIDRMask(0, ip.BitLen())}, GW: gateway.AsSlice()})
	}
	return r
}

// check compares the container with what connect left.
func (p *pod) check(namespace string) error {
	name := hostLink(p.attachment.Key())
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("finding %s: %w", name, err)
	}
	bridge, err := netlink.LinkByName(p.config.Bridge)
	if err != nil {
		return fmt.Errorf("finding bridge %s: %w", p.config.Bridge, err)
	}
	if link.Attrs().MasterIndex != bridge.Attrs().Index {
		return fmt.Errorf("%s is no port of bridge %s", name, p.config.Bridge)
	}
	ns, err := netns.GetFromPath(namespace)
	if err != nil {
		return fmt.Errorf("opening network namespace %s: %w", namespace, err)
	}
	defer func() { _ = ns.Close() }()
	h, err := netlink.NewHandleAt(ns, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("opening a netlink socket in the pod: %w", err)
	}
	defer h.Close()
	inside, err := h.LinkByName(p.attachment.Interface)
	if err != nil {
		return fmt.Errorf("finding %s in the pod: %w", p.attachment.Interface, err)
	}
	all, err := h.AddrList(inside, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("listing the pod's addresses: %w", err)
	}
	have := map[netip.Addr]bool{}
	for _, a := range all {
		ip, _ := netip.AddrFromSlice(a.IP)
		have[ip.Unmap()] = true
	}
	for _, ip := range p.attachment.Addresses {
		if !have[ip] {
			return fmt.Errorf("the pod has lost its address %s", ip)
		}
	}
	return nil
}
