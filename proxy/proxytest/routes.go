package proxytest

import (
	"fmt"
	"net"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/coxswain-k8s/coxswain/test/netns"
)

// addPod links the pod to the node as a routed network does: the pod has one address and everything goes through the node.
func (w *World) addPod(t testing.TB, name string, pod *netns.Namespace) {
	link := "pod-" + name
	w.Node.Connect(t, pod, link, []string{GatewayIP + "/32", GatewayIP6 + "/128"}, []string{PodIP(name) + "/32", PodIP6(name) + "/128"})
	w.Node.Route(t, PodIP(name)+"/32", link, "")
	w.Node.Route(t, PodIP6(name)+"/128", link, "")
	pod.Route(t, GatewayIP+"/32", "eth0", "")
	pod.Route(t, GatewayIP6+"/128", "eth0", "")
	pod.Route(t, "0.0.0.0/0", "eth0", GatewayIP)
	pod.Route(t, "::/0", "eth0", GatewayIP6)
}

// routeServices gives the node a route for the ranges of cluster IPs, as the proxy does.
func (w *World) routeServices(t testing.TB, ranges ...string) {
	w.Node.Do(t, func() error {
		link, err := netlink.LinkByName("out")
		if err != nil {
			return err
		}
		for _, r := range ranges {
			ip, dst, err := net.ParseCIDR(r)
			if err != nil {
				return err
			}
			source := net.ParseIP(NodeIP)
			if ip.To4() == nil {
				source = net.ParseIP(NodeIP6)
			}
			if err := netlink.RouteReplace(&netlink.Route{Dst: dst, LinkIndex: link.Attrs().Index, Src: source}); err != nil {
				return fmt.Errorf("routing %s: %w", r, err)
			}
		}
		return nil
	})
}
