package fabric

import (
	"context"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/coxswain-k8s/coxswain/test/netns"
)

// The kernel drops events that nobody takes, and the subscription ends.
func TestWatchSaysThatEventsWereLost(t *testing.T) {
	ns := netns.New(t, "busy")
	unblock := make(chan struct{})
	var lost <-chan struct{}
	ns.Do(t, func() (err error) {
		lost, err = watch(t.Context(), func() { <-unblock })
		return err
	})
	ns.Do(t, func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		for n := range 4000 {
			if err := netlink.LinkSetMTU(lo, 2000+n); err != nil {
				return err
			}
		}
		return nil
	})
	close(unblock)
	select {
	case <-lost:
	case <-time.After(time.Minute):
		t.Error("the subscription goes on as if nothing had been lost")
	}
}

func TestListensAgainAfterEventsWereLost(t *testing.T) {
	w := newWorld(t)
	w.addSwitch(1)
	a, b := w.addNode(1, 1, HostGW), w.addNode(2, 1, HostGW)
	w.expectAll()
	a.stop()
	calls, again := 0, make(chan struct{})
	a.subscribe = func(ctx context.Context, wake func()) (<-chan struct{}, error) {
		if calls++; calls == 1 {
			lost := make(chan struct{})
			close(lost)
			return lost, nil
		}
		defer close(again)
		return watch(ctx, wake)
	}
	w.run(a)
	<-again
	for range 2 {
		w.expectRoutes(a, 2)
		a.ns.Do(t, func() error { return netlink.RouteDel(&netlink.Route{Dst: fromPrefix(b.podCIDRs()[0])}) })
	}
	w.expectRoutes(a, 2)
	a.stop()
	if calls != 2 {
		t.Errorf("subscribed %d times, want twice", calls)
	}
}
