package proxy

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/coxswain-k8s/coxswain/test/netns"
)

func TestASubscriptionThatEndedIsReplaced(t *testing.T) {
	ns := netns.New(t, "routes")
	// The kernel closes one of the channels; the other must not be waited for.
	links, addresses := make(chan netlink.LinkUpdate), make(chan netlink.AddrUpdate)
	close(links)
	(&serviceRoutes{}).listen(sync.OnceFunc(func() { close(addresses) }), links, addresses)

	var r *serviceRoutes
	ctx, end := context.WithCancel(t.Context())
	ns.Do(t, func() (err error) {
		r, err = openServiceRoutes(ctx, []netip.Prefix{netip.MustParsePrefix("10.43.0.0/16")}, nil)
		return err
	})
	defer r.close()
	end()
	<-r.lost
	ns.Do(t, func() error {
		if err := r.subscribe(t.Context()); err != nil {
			return err
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetDown(lo); err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	})
	select {
	case <-r.changed:
	case <-r.lost:
		t.Error("the subscription has ended")
	case <-time.After(time.Minute):
		t.Error("nothing is heard of a link that goes up")
	}
}
