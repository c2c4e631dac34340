package fabric

import (
	"context"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// receiveBuffer of a subscription: a burst of events fits. The kernel gives as much of it as it allows everybody.
const receiveBuffer = 1 << 20

// watch wakes when the kernel has changed something that a plan depends on or that belongs to one: a link that goes up, down or to
// another size, a global address, one of our routes that is gone. The kernel takes routes away with their link and does not say so
// of each. It ends with ctx, or when events were lost, which ends a subscription for good: then lost is closed. It subscribes in the
// calling goroutine's network namespace.
func watch(ctx context.Context, wake func()) (lost <-chan struct{}, err error) {
	links, addresses, routes := make(chan netlink.LinkUpdate, 16), make(chan netlink.AddrUpdate, 16), make(chan netlink.RouteUpdate, 16)
	ctx, cancel := context.WithCancel(ctx)
	// When events were lost, everything may have changed.
	failed := func(error) { wake() }
	err = netlink.LinkSubscribeWithOptions(links, ctx.Done(), netlink.LinkSubscribeOptions{ErrorCallback: failed, ReceiveBufferSize: receiveBuffer})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("subscribing to links: %w", err)
	}
	err = netlink.AddrSubscribeWithOptions(addresses, ctx.Done(), netlink.AddrSubscribeOptions{ErrorCallback: failed, ReceiveBufferSize: receiveBuffer})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("subscribing to addresses: %w", err)
	}
	err = netlink.RouteSubscribeWithOptions(routes, ctx.Done(), netlink.RouteSubscribeOptions{ErrorCallback: failed, ReceiveBufferSize: receiveBuffer})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("subscribing to routes: %w", err)
	}
	ended := make(chan struct{})
	w := &watcher{wake: wake, seen: map[int32]linkState{}}
	go func() {
		defer close(ended)
		w.run(cancel, links, addresses, routes)
	}()
	return ended, nil
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

// run ends when the channels are closed. When one is, it cancels the subscriptions of the others.
func (w *watcher) run(cancel func(), links <-chan netlink.LinkUpdate, addresses <-chan netlink.AddrUpdate, routes <-chan netlink.RouteUpdate) {
	for links != nil || addresses != nil || routes != nil {
		select {
		case u, ok := <-links:
			if !ok {
				links = nil
				cancel()
				continue
			}
			w.link(u)
		case u, ok := <-addresses:
			if !ok {
				addresses = nil
				cancel()
				continue
			}
			if !u.LinkAddress.IP.IsLinkLocalUnicast() {
				w.wake()
			}
		case u, ok := <-routes:
			if !ok {
				routes = nil
				cancel()
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
