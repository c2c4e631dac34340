package cni

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	"github.com/coxswain-k8s/coxswain/network/ipam"
	"github.com/coxswain-k8s/coxswain/network/packetfilter"
	"github.com/coxswain-k8s/coxswain/test/netns"
)

const (
	nodeIP    = "192.168.60.1"
	outsideIP = "192.168.60.2"
)

// node is a machine with the plugin and a neighbour outside of the cluster.
type node struct {
	t       *testing.T
	ns, out *netns.Namespace
	config  map[string]any
}

func newNode(t *testing.T) *node {
	n := &node{t: t, ns: netns.New(t, "node"), out: netns.New(t, "outside")}
	n.ns.Connect(t, n.out, "out", []string{nodeIP + "/24"}, []string{outsideIP + "/24"})
	n.config = map[string]any{
		"cniVersion": "1.1.0", "name": "coxswain", "type": Type, "dataDir": t.TempDir(),
		"ranges": []string{"10.42.7.0/29", "fd42:7::/64"},
	}
	return n
}

type container struct {
	id   string
	ns   *netns.Namespace
	args *skel.CmdArgs
	ip   string
}

func (n *node) container(id string, extra map[string]any) *container {
	n.t.Helper()
	c := &container{id: id, ns: netns.New(n.t, id)}
	config := map[string]any{}
	for k, v := range n.config {
		config[k] = v
	}
	for k, v := range extra {
		config[k] = v
	}
	data, err := json.Marshal(config)
	if err != nil {
		n.t.Fatal(err)
	}
	c.args = &skel.CmdArgs{ContainerID: id, Netns: c.ns.Path(), IfName: "eth0", StdinData: data}
	return c
}

func (n *node) add(c *container) error {
	config, err := parse(c.args.StdinData)
	if err != nil {
		return err
	}
	return n.ns.Try(func() error {
		var r *current.Result
		r, err := add(config, c.args)
		if err == nil {
			c.ip = r.IPs[0].Address.IP.String()
		}
		return err
	})
}

func (n *node) mustAdd(id string, extra map[string]any) *container {
	n.t.Helper()
	c := n.container(id, extra)
	if err := n.add(c); err != nil {
		n.t.Fatalf("adding %s: %v", id, err)
	}
	greet(n.t, c.ns, id)
	return c
}

func (n *node) del(c *container) {
	n.t.Helper()
	n.ns.Do(n.t, func() error { return Delete(c.args) })
}

// greet serves the name of the container and the client's address on port 8080.
func greet(t *testing.T, ns *netns.Namespace, name string) {
	var l net.Listener
	ns.Do(t, func() (err error) {
		l, err = net.Listen("tcp", ":8080")
		return err
	})
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			client, _, _ := net.SplitHostPort(c.RemoteAddr().String())
			_, _ = fmt.Fprintf(c, "%s %s", name, client)
			_ = c.Close()
		}
	}()
}

func (n *node) expect(from *netns.Namespace, address, want string) {
	n.t.Helper()
	var got []byte
	err := from.Try(func() error {
		c, err := net.DialTimeout("tcp", address, time.Minute)
		if err != nil {
			return err
		}
		defer func() { _ = c.Close() }()
		got, err = io.ReadAll(c)
		return err
	})
	if err != nil || string(got) != want {
		n.t.Errorf("%s from %s: got %q, %v, want %q", address, from.Name, got, err, want)
	}
}

func (n *node) expectNothing(from *netns.Namespace, address string) {
	n.t.Helper()
	err := from.Try(func() error {
		c, err := net.DialTimeout("tcp", address, 300*time.Millisecond)
		if err == nil {
			_ = c.Close()
		}
		return err
	})
	if err == nil {
		n.t.Errorf("%s from %s: connected", address, from.Name)
	}
}

func TestPodsReachEachOtherAndTheNode(t *testing.T) {
	n := newNode(t)
	a, b := n.mustAdd("a", nil), n.mustAdd("b", nil)
	n.expect(a.ns, b.ip+":8080", "b "+a.ip)
	n.expect(n.ns, a.ip+":8080", "a 10.42.7.1")
	n.expect(a.ns, "[fd42:7::3]:8080", "b fd42:7::2")
	n.ns.Do(t, func() error { return Check(a.args) })

	n.del(b)
	n.del(b) // twice is no error
	n.expectNothing(a.ns, b.ip+":8080")
	n.ns.Do(t, func() error {
		if _, err := netlink.LinkByName(hostLink(ipam.Key{ContainerID: "b", Interface: "eth0"})); err == nil {
			return fmt.Errorf("b's link is left over")
		}
		return nil
	})
}

func TestPodsAreMasqueradedOutOfTheCluster(t *testing.T) {
	n := newNode(t)
	a := n.mustAdd("a", nil)
	greet(t, n.out, "outside")
	n.ns.Do(t, func() error {
		own := parsePrefixes("10.42.7.0/29")
		for range 2 { // again changes nothing
			if err := packetfilter.Masquerade(own, parsePrefixes("10.42.0.0/16"), nil); err != nil {
				return err
			}
		}
		return nil
	})
	n.expect(a.ns, outsideIP+":8080", "outside "+nodeIP)
}

func TestHostPorts(t *testing.T) {
	n := newNode(t)
	ports := func(mappings ...ipam.HostPort) map[string]any {
		return map[string]any{"runtimeConfig": map[string]any{"portMappings": mappings}}
	}
	a := n.mustAdd("a", ports(ipam.HostPort{HostPort: 9000, ContainerPort: 8080, Protocol: "tcp"}))
	b := n.mustAdd("b", ports(ipam.HostPort{HostPort: 9001, ContainerPort: 8080, Protocol: "TCP", HostIP: "127.0.0.1"},
		ipam.HostPort{HostPort: 9001, ContainerPort: 8080, Protocol: "udp", HostIP: nodeIP}))
	n.out.Route(t, "10.42.7.0/29", "eth0", nodeIP)

	n.expect(n.out, nodeIP+":9000", "a "+outsideIP)
	n.expect(n.ns, nodeIP+":9000", "a "+nodeIP)
	n.expect(n.ns, "127.0.0.1:9000", "a 10.42.7.1")
	n.expect(b.ns, nodeIP+":9000", "a "+b.ip)
	n.expect(a.ns, nodeIP+":9000", "a 10.42.7.1") // itself
	n.expect(n.ns, "127.0.0.1:9001", "b 10.42.7.1")
	n.expectNothing(n.out, nodeIP+":9001")

	n.del(a)
	n.expectNothing(n.out, nodeIP+":9000")
	n.expect(n.ns, "127.0.0.1:9001", "b 10.42.7.1")
}

func TestAddressesRunOutAndAreCollected(t *testing.T) {
	n := newNode(t) // a /29 has 8 addresses: the network's, the gateway's, 5 for pods, the broadcast address
	var all []*container
	for i := range 5 {
		all = append(all, n.mustAdd(fmt.Sprintf("pod-%d", i), nil))
	}
	if err := n.add(n.container("too-many", nil)); err == nil {
		t.Fatal("a sixth pod got an address")
	}
	// The runtime says which attachments are valid; the others are released.
	gc := map[string]any{"cni.dev/valid-attachments": []map[string]string{{"containerID": "pod-0", "ifname": "eth0"}}}
	n.ns.Do(t, func() error { return Collect(n.container("gc", gc).args) })
	next := n.mustAdd("next", nil)
	if next.ip == all[0].ip {
		t.Errorf("the address %s was given out twice", next.ip)
	}
	n.expect(next.ns, all[0].ip+":8080", "pod-0 "+next.ip)

	// A pod whose network namespace is gone loses its address when the next one needs it.
	for i := range 3 {
		n.mustAdd(fmt.Sprintf("more-%d", i), nil)
	}
	if err := n.add(n.container("too-many", nil)); err == nil {
		t.Fatal("a sixth pod got an address")
	}
	gone := n.container("more-0", nil)
	store, err := ipam.Open(storeFolder(n.config["dataDir"].(string), "coxswain"))
	if err != nil {
		t.Fatal(err)
	}
	a, _ := store.Find(ipam.Key{ContainerID: gone.id, Interface: "eth0"})
	a.Namespace = t.TempDir() + "/gone"
	store.Put(a)
	if err := store.Save(); err != nil {
		t.Fatal(err)
	}
	_ = store.Close()
	if err := n.add(n.container("too-many", nil)); err == nil {
		t.Fatal("the address of a pod that still has its link was given out")
	}
	n.ns.Do(t, func() error { return deleteLink(hostLink(a.Key())) })
	if c := n.mustAdd("late", nil); c.ip != a.Addresses[0].String() {
		t.Errorf("got %s, want the collected %s", c.ip, a.Addresses[0])
	}
}

func TestPluginsRunAtTheSameTime(t *testing.T) {
	n := newNode(t)
	n.config["ranges"] = []string{"10.42.7.0/24"}
	var wg sync.WaitGroup
	all := make([]*container, 20)
	start := time.Now()
	for i := range all {
		all[i] = n.container(fmt.Sprintf("pod-%d", i), nil)
		wg.Go(func() {
			if err := n.add(all[i]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	t.Logf("20 pods in %v", time.Since(start))
	seen := map[string]bool{}
	for _, c := range all {
		if seen[c.ip] {
			t.Errorf("%s was given out twice", c.ip)
		}
		seen[c.ip] = true
	}
}

func TestBadConfigurationIsRefused(t *testing.T) {
	for name, config := range map[string]string{
		"no JSON":                  `{`,
		"no ranges":                `{"name":"coxswain"}`,
		"a range without room":     `{"ranges":["10.42.0.0/31"]}`,
		"two ranges of one family": `{"ranges":["10.42.0.0/24","10.42.1.0/24"]}`,
	} {
		if _, err := parse([]byte(config)); err == nil {
			t.Errorf("%s: want an error", name)
		}
	}
}

func parsePrefixes(all ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range all {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

// A fabric that begins to need a tunnel makes pods smaller. What is sent to a new one must fit, too.
func TestPodsGetSmaller(t *testing.T) {
	n := newNode(t)
	n.config["mtu"] = 1500
	a := n.mustAdd("a", nil)
	n.config["mtu"] = 1450
	b := n.mustAdd("b", nil)
	for name, want := range map[string]int{"cni0": 1450, hostLink(ipam.Key{ContainerID: "a", Interface: "eth0"}): 1500, hostLink(ipam.Key{ContainerID: "b", Interface: "eth0"}): 1450} {
		n.ns.Do(t, func() error {
			link, err := netlink.LinkByName(name)
			if err == nil && link.Attrs().MTU != want {
				err = fmt.Errorf("%s has an MTU of %d, want %d", name, link.Attrs().MTU, want)
			}
			return err
		})
	}
	n.expect(a.ns, b.ip+":8080", "b "+a.ip)
	n.expect(b.ns, a.ip+":8080", "a "+b.ip)
}

func TestForwardingKeepsRoutersHeard(t *testing.T) {
	n := newNode(t)
	n.ns.Sysctl(t, "net/ipv6/conf/out/accept_ra", "1")
	n.ns.Sysctl(t, "net/ipv6/conf/lo/accept_ra", "0")
	n.ns.Do(t, func() error { return EnableForwarding(parsePrefixes("10.42.7.0/24", "fd42:7::/64")) })
	for link, want := range map[string]string{"out": "2", "lo": "0"} {
		n.ns.Do(t, func() error {
			got, err := os.ReadFile("/proc/sys/net/ipv6/conf/" + link + "/accept_ra")
			if err == nil && strings.TrimSpace(string(got)) != want {
				err = fmt.Errorf("%s: accept_ra is %s, want %s", link, got, want)
			}
			return err
		})
	}
}
