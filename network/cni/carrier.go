package cni

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// patience bounds how long Add waits for the kernel, which takes a second at times when it is busy.
const patience = 10 * time.Second

// awaitLink waits until the kernel has put a link to work, which is some time after both ends of a pair are up. Until then it drops
// what is sent, and whoever sent it tries again a second later.
func awaitLink(h *netlink.Handle, ns netns.NsHandle, name string) error {
	working := func() bool {
		link, err := h.LinkByName(name)
		return err == nil && link.Attrs().OperState == netlink.OperUp
	}
	if working() {
		return nil
	}
	done := make(chan struct{})
	defer close(done)
	updates := make(chan netlink.LinkUpdate, 16)
	if err := netlink.LinkSubscribeWithOptions(updates, done, netlink.LinkSubscribeOptions{Namespace: &ns}); err != nil {
		return fmt.Errorf("watching links: %w", err)
	}
	if err := await(working, updates); err != nil {
		return fmt.Errorf("waiting for %s: %w", name, err)
	}
	return nil
}

// awaitAddress waits until an address receives. The kernel makes an IPv6 address in two steps; the second one adds its local route.
func awaitAddress(h *netlink.Handle, ns netns.NsHandle, ip netip.Addr) error {
	receiving := func() bool {
		filter := &netlink.Route{Table: unix.RT_TABLE_LOCAL, Dst: host(ip)}
		all, err := h.RouteListFiltered(unix.AF_INET6, filter, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_DST)
		return err == nil && len(all) > 0
	}
	if !ip.Is6() || receiving() {
		return nil
	}
	done := make(chan struct{})
	defer close(done)
	updates := make(chan netlink.RouteUpdate, 16)
	if err := netlink.RouteSubscribeWithOptions(updates, done, netlink.RouteSubscribeOptions{Namespace: &ns}); err != nil {
		return fmt.Errorf("watching routes: %w", err)
	}
	if err := await(receiving, updates); err != nil {
		return fmt.Errorf("waiting for %s: %w", ip, err)
	}
	return nil
}

// await asks again after every update.
func await[T any](ready func() bool, updates <-chan T) error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for !ready() {
		select {
		case _, ok := <-updates:
			if !ok {
				return errors.New("the kernel tells no more")
			}
		case <-timeout.C:
			return fmt.Errorf("not there after %s", patience)
		}
	}
	return nil
}
