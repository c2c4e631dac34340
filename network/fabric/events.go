package fabric

import (
	"context"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// watch wakes when the kernel has changed something that a plan depends on or that belongs to one: a link that goes up, down or to
// another size, a global address, one of our routes that is gone. The kernel takes routes away with their link and does not say so
// of each.
func (k *kernel) watch(ctx context.Context, wake func()) (stop func(), err error) {
	links, addresses, routes := make(chan netlink.LinkUpdate, 16), make(chan netlink.AddrUpdate, 16), make(chan netlink.RouteUpdate, 16)
	ctx, cancel := context.WithCancel(ctx)
	// When events were lost, everything may have changed.
	lost := func(error) { wake() }
	if err := netlink.LinkSubscribeWithOptions(links, ctx.Done(), netlink.LinkSubscribeOptions{ErrorCallback: lost}); err != nil {
		cancel()
		return nil, fmt.Errorf("subscribing to links: %w", err)
	}
	if err := netlink.AddrSubscribeWithOptions(addresses, ctx.Done(), netlink.AddrSubscribeOptions{ErrorCallback: lost}); err != nil {
		cancel()
		return nil, fmt.Errorf("subscribing to addresses: %w", err)
	}
	if err := netlink.RouteSubscribeWithOptions(routes, ctx.Done(), netlink.RouteSubscribeOptions{ErrorCallback: lost}); err != nil {
		cancel()
		return nil, fmt.Errorf("subscribing to routes: %w", err)
	}
	w := &watcher{wake: wake, seen: map[int32]linkState{}}
	go w.run(links, addresses, routes)
	return cancel, nil
}

// watcher tells events that matter from those that pods' links make all day.
type watcher struct {
	wake func()
	seen map[int32]linkState
}

// linkState is what matters of a link that has an address of the node's.
type linkState struct {
	up  bool
	mtu int
}

// run ends when the channels are closed.
func (w *watcher) run(links <-chan netlink.LinkUpdate, addresses <-chan netlink.AddrUpdate, routes <-chan netlink.RouteUpdate) {
	for links != nil || addresses != nil || routes != nil {
		select {
		case u, ok := <-links:
			if !ok {
				links = nil
				continue
			}
			w.link(u)
		case u, ok := <-addresses:
			if !ok {
				addresses = nil
				continue
			}
			if !u.LinkAddress.IP.IsLinkLocalUnicast() {
				w.wake()
			}
		case u, ok := <-routes:
			if !ok {
				routes = nil
				continue
			}
			if u.Type == unix.RTM_DELROUTE && u.Protocol == protocol {
				w.wake()
			}
		}
	}
}

// link wakes unless the link is a pod's, which has no part in the ways between nodes, or nothing that matters has changed.
func (w *watcher) link(u netlink.LinkUpdate) {
	attrs := u.Attrs()
	if attrs.MasterIndex != 0 {
		return
	}
	if u.Header.Type == unix.RTM_DELLINK {
		delete(w.seen, u.Index)
		if attrs.Name == deviceName {
			w.wake()
		}
		return
	}
	next := linkState{up: attrs.Flags&net.FlagUp != 0, mtu: attrs.MTU}
	if old, ok := w.seen[u.Index]; !ok || old != next {
		w.seen[u.Index] = next
		w.wake()
	}
}
