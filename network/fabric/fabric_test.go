package fabric

import (
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/coxswain-k8s/coxswain/network"
)

func TestRoutesBetweenNodesOnOneLink(t *testing.T) {
	w := newWorld(t)
	w.addSwitch(1)
	for n := range 3 {
		w.addNode(n+1, 1, HostGW)
	}
	w.expectAll()
}

func TestTunnelsBetweenNodesBehindARouter(t *testing.T) {
	w := newWorld(t)
	w.addSwitch(1)
	w.addSwitch(2)
	w.addNode(1, 1, Auto)
	w.addNode(2, 1, Auto)
	w.addNode(3, 2, Auto)
	w.expectAll()
}

func TestTunnelsOnOneLink(t *testing.T) {
	w := newWorld(t)
	w.addSwitch(1)
	w.addNode(1, 1, VXLAN)
	w.addNode(2, 1, VXLAN)
	w.expectAll()
}

func TestNodesComeAndGo(t *testing.T) {
	w := newWorld(t)
	w.addSwitch(1)
	a, b := w.addNode(1, 1, Auto), w.addNode(2, 1, Auto)
	w.expectAll()
	w.store.remove(b.ns.Name)
	w.expectRoutes(a, 0)
	w.publish(b)
	w.expectAll()
}

// The kernel takes the routes over a link away when it goes down, and does not bring them back.
func TestALinkGoesDownAndUp(t *testing.T) {
	for _, mode := range []Mode{HostGW, VXLAN} {
		t.Run(string(mode), func(t *testing.T) {
			w := newWorld(t)
			w.addSwitch(1)
			a, b := w.addNode(1, 1, mode), w.addNode(2, 1, mode)
			w.expectAll()
			a.ns.Do(t, func() error {
				link, err := netlink.LinkByName("eth0")
				if err != nil {
					return err
				}
				if err := netlink.LinkSetDown(link); err != nil {
					return err
				}
				return netlink.LinkSetUp(link)
			})
			w.expect(a.pod, b.podIP(), a.podIP())
			w.expect(b.pod, a.podIP(), b.podIP())
		})
	}
}

// The event of the link that goes up is waited for: nothing fails, so nothing is tried again and again.
func TestNothingIsTriedWhileTheLinkIsDown(t *testing.T) {
	for _, mode := range []Mode{HostGW, VXLAN} {
		t.Run(string(mode), func(t *testing.T) {
			w := newWorld(t)
			w.addSwitch(1)
			a := w.addNode(1, 1, mode)
			a.stop()
			f := &Fabric{NodeName: a.ns.Name, Mode: mode}
			f.setDefaults()
			own, others := a.podCIDRs()[:1], []netip.Prefix{netip.MustParsePrefix("10.42.2.0/24")}
			f.peers.all[a.ns.Name] = peer{name: a.ns.Name, addresses: []netip.Addr{netip.MustParseAddr(a.address)}, podCIDRs: own}
			f.peers.all["other"] = peer{name: "other", addresses: []netip.Addr{netip.MustParseAddr("192.168.1.2")}, podCIDRs: others}
			sync := func(change func(netlink.Link) error) {
				t.Helper()
				a.ns.Do(t, func() (err error) {
					link, err := netlink.LinkByName("eth0")
					if err != nil {
						return err
					}
					if err := change(link); err != nil {
						return err
					}
					if f.kernel, err = openKernel(f.VXLANPort, f.VNI); err != nil {
						return err
					}
					defer f.kernel.close()
					next, err := f.sync(own)
					if err == nil && len(next.routes) != 1 {
						t.Errorf("planned %d routes, want 1", len(next.routes))
					}
					return err
				})
			}
			sync(netlink.LinkSetDown)
			w.expectRoutes(a, 0)
			sync(netlink.LinkSetUp)
			w.expectRoutes(a, 1)
		})
	}
}

func TestSomebodyRemovesRoutesAndTheDevice(t *testing.T) {
	w := newWorld(t)
	w.addSwitch(1)
	w.addSwitch(2)
	a, b, c := w.addNode(1, 1, Auto), w.addNode(2, 1, Auto), w.addNode(3, 2, Auto)
	w.expectAll()
	a.ns.Do(t, func() error {
		link, err := netlink.LinkByName(deviceName)
		if err != nil {
			return err
		}
		if err := netlink.LinkDel(link); err != nil {
			return err
		}
		return netlink.RouteDel(&netlink.Route{Dst: fromPrefix(b.podCIDRs()[0])})
	})
	w.expect(a.pod, b.podIP(), a.podIP())
	w.expect(a.pod, c.podIP(), a.podIP())
}

func TestANodeChangesItsAddress(t *testing.T) {
	for _, mode := range []Mode{HostGW, VXLAN} {
		t.Run(string(mode), func(t *testing.T) {
			w := newWorld(t)
			w.addSwitch(1)
			a, b := w.addNode(1, 1, mode), w.addNode(2, 1, mode)
			w.expectAll()
			b.ns.Do(t, func() error {
				link, err := netlink.LinkByName("eth0")
				if err != nil {
					return err
				}
				for _, change := range []struct {
					do      func(netlink.Link, *netlink.Addr) error
					address string
				}{{netlink.AddrDel, b.address + "/24"}, {netlink.AddrAdd, "192.168.1.22/24"}} {
					address, err := netlink.ParseAddr(change.address)
					if err != nil {
						return err
					}
					if err := change.do(link, address); err != nil {
						return err
					}
				}
				return nil
			})
			b.address = "192.168.1.22"
			w.publish(b)
			w.expect(a.pod, b.podIP(), a.podIP())
			w.expect(a.pod, b.address, a.podIP())
			w.expect(b.pod, a.podIP(), b.podIP())
		})
	}
}

func TestLeftoversAreRemoved(t *testing.T) {
	w := newWorld(t)
	w.addSwitch(1)
	a, b := w.addNode(1, 1, Auto), w.addNode(2, 1, Auto)
	w.expectAll()
	a.stop()
	theirs := &netlink.Route{Dst: fromPrefix(netip.MustParsePrefix("10.99.0.0/24")), Gw: []byte{192, 168, 1, 2}, Protocol: unix.RTPROT_STATIC}
	a.ns.Do(t, func() error {
		ours := &netlink.Route{Dst: fromPrefix(netip.MustParsePrefix("10.42.77.0/24")), Gw: []byte{192, 168, 1, 2}, Protocol: protocol}
		if err := netlink.RouteAdd(ours); err != nil {
			return err
		}
		return netlink.RouteAdd(theirs)
	})
	w.expect(a.pod, b.podIP(), a.podIP()) // they work without the process
	w.run(a)
	w.expectRoutes(a, 2)
	a.ns.Do(t, func() error { return netlink.RouteDel(theirs) }) // not ours
}

func TestThePodsMTU(t *testing.T) {
	w := newWorld(t)
	w.addSwitch(1)
	w.addSwitch(2)
	a, _ := w.addNode(1, 1, Auto), w.addNode(2, 1, Auto)
	w.expectAll()
	a.awaitWays(t, 1500, 2)
	c := w.addNode(3, 2, Auto)
	w.expectAll()
	a.awaitWays(t, 1450, 4)
	c.stop()
	w.store.remove(c.ns.Name)
	w.expectRoutes(a, 2)
	a.awaitWays(t, 1500, 2)
	if _, err := linkIn(a, deviceName); err == nil {
		t.Error("the device outlives the last peer that needs it")
	}
}

// awaitWays waits until the fabric announces pods of the MTU and so many nodes' addresses.
func (n *node) awaitWays(t *testing.T, mtu, nodes int) {
	t.Helper()
	var last network.Ways
	for timeout := time.After(time.Minute); last.MTU != mtu || len(last.Nodes) != nodes; {
		select {
		case last = <-n.ways:
		case <-timeout:
			t.Fatalf("announced %+v, want an MTU of %d and %d nodes", last, mtu, nodes)
		}
	}
}

func linkIn(n *node, name string) (link netlink.Link, err error) {
	err = n.ns.Try(func() error {
		link, err = netlink.LinkByName(name)
		return err
	})
	return link, err
}

func TestModes(t *testing.T) {
	for _, s := range []string{"", "auto", "host-gw", "vxlan"} {
		if _, err := ParseMode(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	if _, err := ParseMode("pigeon"); err == nil {
		t.Error("pigeon is a mode")
	}
}
