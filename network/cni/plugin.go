package cni

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	"github.com/coxswain-k8s/coxswain/network/ipam"
)

// Add puts a container on the network.
func Add(args *skel.CmdArgs) error {
	c, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	result, err := add(c, args)
	if err != nil {
		return err
	}
	return types.PrintResult(result, c.CNIVersion)
}

func add(c *Config, args *skel.CmdArgs) (result *current.Result, err error) {
	a, err := allocate(c, args)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, remove(c, a.Key()))
		}
	}()
	bridge, err := ensureBridge(c)
	if err != nil {
		return nil, err
	}
	p := pod{config: c, attachment: a, bridge: bridge}
	if err := p.connect(); err != nil {
		return nil, err
	}
	if err := openHostPorts(c, a); err != nil {
		return nil, err
	}
	return p.result(), nil
}

// allocate gives the attachment its addresses. When there are none left, those of vanished containers are collected first.
func allocate(c *Config, args *skel.CmdArgs) (a ipam.Attachment, err error) {
	a = ipam.Attachment{
		ContainerID: args.ContainerID, Interface: args.IfName, Namespace: args.Netns, HostPorts: c.RuntimeConfig.PortMappings,
	}
	store, err := c.open()
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	next, err := store.Allocate(a, c.Ranges)
	if errors.Is(err, ipam.ErrExhausted) {
		if err := collect(store, present); err != nil {
			return a, err
		}
		next, err = store.Allocate(a, c.Ranges)
	}
	if err != nil {
		return a, types.NewError(types.ErrTryAgainLater, "no address for the pod", err.Error())
	}
	return next, store.Save()
}

// Delete takes a container off the network. It succeeds when there is nothing left to do.
func Delete(args *skel.CmdArgs) error {
	c, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	return remove(c, ipam.Key{ContainerID: args.ContainerID, Interface: args.IfName})
}

func remove(c *Config, k ipam.Key) (err error) {
	store, err := c.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	a, ok := store.Find(k)
	if !ok {
		a = ipam.Attachment{ContainerID: k.ContainerID, Interface: k.Interface}
	}
	if err := release(store, a); err != nil {
		return err
	}
	return store.Save()
}

// release undoes all that Add did for an attachment; its addresses are freed last.
func release(store *ipam.Store, a ipam.Attachment) error {
	if err := deleteLink(hostLink(a.Key())); err != nil {
		return err
	}
	store.Remove(a.Key())
	return closeHostPorts(store, a)
}

// collect releases the attachments that are not to be kept.
func collect(store *ipam.Store, keep func(ipam.Attachment) bool) error {
	var gone []ipam.Attachment
	for _, a := range store.All() {
		if !keep(a) {
			gone = append(gone, a)
		}
	}
	for _, a := range gone {
		if err := release(store, a); err != nil {
			return fmt.Errorf("collecting container %s: %w", a.ContainerID, err)
		}
	}
	return nil
}

// present tells whether a container may still be there. A veth pair goes with either end's namespace, so a link that is there has a
// container; and a container whose namespace is there may be about to get its link.
func present(a ipam.Attachment) bool {
	if a.Alive() {
		return true
	}
	_, err := netlink.LinkByName(hostLink(a.Key()))
	missing := new(netlink.LinkNotFoundError)
	return !errors.As(err, missing)
}

// CollectVanished releases what containers hold whose network namespaces are gone: the runtime, or the machine, died before it could.
func CollectVanished(dataDir, network string) (err error) {
	store, err := ipam.Open(storeFolder(dataDir, network))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := collect(store, present); err != nil {
		return err
	}
	return store.Save()
}

// Collect releases what is not among the attachments that the runtime says are valid.
func Collect(args *skel.CmdArgs) (err error) {
	c, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	valid := map[ipam.Key]bool{}
	for _, v := range c.ValidAttachments {
		valid[ipam.Key{ContainerID: v.ContainerID, Interface: v.IfName}] = true
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if err := collect(store, func(a ipam.Attachment) bool { return valid[a.Key()] }); err != nil {
		return err
	}
	return store.Save()
}

// Status tells whether Add can be expected to succeed.
func Status(args *skel.CmdArgs) error {
	c, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		const pluginNotAvailable = 50
		return types.NewError(pluginNotAvailable, "addresses cannot be kept", err.Error())
	}
	return store.Close()
}

// Check tells whether a container is still on the network as Add left it.
func Check(args *skel.CmdArgs) (err error) {
	c, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	store, err := c.open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	a, ok := store.Find(ipam.Key{ContainerID: args.ContainerID, Interface: args.IfName})
	if !ok {
		return fmt.Errorf("container %s has no address on network %s", args.ContainerID, c.Name)
	}
	return (&pod{config: c, attachment: a}).check(args.Netns)
}

func gatewayOf(ranges []netip.Prefix, ip netip.Addr) netip.Addr {
	for _, r := range ranges {
		if r.Contains(ip) {
			return ipam.Gateway(r)
		}
	}
	return netip.Addr{}
}

func host(ip netip.Addr) *net.IPNet {
	return &net.IPNet{IP: ip.AsSlice(), Mask: net.CIDRMask(ip.BitLen(), ip.BitLen())}
}
