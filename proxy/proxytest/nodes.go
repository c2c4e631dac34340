package proxytest

import (
	"fmt"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/coxswain-k8s/coxswain/test/netns"
)

// Nodes is a cluster on one switch: nodes with two pods each, whose networks are routed between the nodes, and a machine outside.
// Pods are called 1a, 1b, 2a and so on; they serve as those of World do, and so do the nodes themselves, as n1, n2.
//
//	outside 192.168.50.250 ── switch ─┬─ node 1 192.168.50.1 ── pods 1a, 1b 10.42.1.10, .11
//	                                  └─ node 2 192.168.50.2 ── pods 2a, 2b 10.42.2.10, .11
type Nodes struct {
	*World
	All []*Node
}

// Node is one of them.
type Node struct {
	Name, IP, PodCIDR string
	NS                *netns.Namespace
}

// ClientIP is the address of the machine outside.
const ClientIP = "192.168.50.250"

// NewNodes builds them.
func NewNodes(t testing.TB, count int) *Nodes {
	n := &Nodes{World: &World{Outside: netns.New(t, "outside"), Pods: map[string]*netns.Namespace{}, Patience: 30 * time.Second}}
	hub := netns.New(t, "switch")
	hub.Do(t, func() error {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "switch"
		bridge := &netlink.Bridge{LinkAttrs: attrs}
		if err := netlink.LinkAdd(bridge); err != nil {
			return err
		}
		return netlink.LinkSetUp(bridge)
	})
	plug(t, hub, n.Outside, "outside", ClientIP)
	for i := range count {
		n.All = append(n.All, n.addNode(t, hub, i+1))
	}
	for _, from := range n.All {
		for _, to := range n.All {
			if from != to {
				from.NS.Route(t, to.PodCIDR, "eth0", to.IP)
			}
		}
	}
	n.Outside.Route(t, "0.0.0.0/0", "eth0", n.All[0].IP)
	return n
}

// PodAddress is the address of pod 1a, 1b, 2a and so on.
func PodAddress(name string) string {
	return fmt.Sprintf("10.42.%c.%d", name[0], 10+int(name[1]-'a'))
}

func (n *Nodes) addNode(t testing.TB, hub *netns.Namespace, number int) *Node {
	node := &Node{
		Name: fmt.Sprintf("n%d", number), IP: fmt.Sprintf("192.168.50.%d", number), PodCIDR: fmt.Sprintf("10.42.%d.0/24", number),
	}
	node.NS = netns.New(t, node.Name)
	node.NS.Sysctl(t, "net/ipv4/ip_forward", "1")
	plug(t, hub, node.NS, node.Name, node.IP)
	serve(t, node.NS, node.Name)
	gateway := fmt.Sprintf("10.42.%d.1", number)
	for _, letter := range []string{"a", "b"} {
		name := fmt.Sprintf("%d%s", number, letter)
		pod := netns.New(t, "pod "+name)
		n.Pods[name] = pod
		link := "pod-" + name
		node.NS.Connect(t, pod, link, []string{gateway + "/32"}, []string{PodAddress(name) + "/32"})
		node.NS.Route(t, PodAddress(name)+"/32", link, "")
		pod.Route(t, gateway+"/32", "eth0", "")
		pod.Route(t, "0.0.0.0/0", "eth0", gateway)
		serve(t, pod, name)
	}
	return node
}

// plug connects a machine's eth0 to the switch.
func plug(t testing.TB, hub, machine *netns.Namespace, port, ip string) {
	hub.Connect(t, machine, port, nil, []string{ip + "/24"})
	hub.Do(t, func() error {
		link, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		bridge, err := netlink.LinkByName("switch")
		if err != nil {
			return err
		}
		return netlink.LinkSetMaster(link, bridge)
	})
}
