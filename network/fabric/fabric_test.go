package fabric

import (
	"testing"
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
