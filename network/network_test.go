package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/containernetworking/cni/libcni"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/network/cni"
	"github.com/coxswain-k8s/coxswain/network/packetfilter"
	"github.com/coxswain-k8s/coxswain/test/netns"
)

// fabric tells what it was run with.
type fabric struct{ runs chan []netip.Prefix }

func (f fabric) Run(ctx context.Context, own []netip.Prefix, announce func(Ways)) error {
	announce(Ways{MTU: 1400, Nodes: []netip.Addr{netip.MustParseAddr("192.168.7.2")}})
	f.runs <- own
	<-ctx.Done()
	return nil
}

func node(name string, cidrs ...string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{PodCIDRs: cidrs}}
}

func TestTheNodesShareIsConfigured(t *testing.T) {
	ns := netns.New(t, "node")
	fakes := &informertest.FakeInformers{}
	informer, err := fakes.FakeInformerFor(t.Context(), &corev1.Node{})
	if err != nil {
		t.Fatal(err)
	}
	observed := observedCache{fakes, make(chan struct{})}
	f := fabric{make(chan []netip.Prefix, 2)}
	n := &Network{
		Cache: observed, NodeName: "here", ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.42.0.0/16")},
		ConfigFile: filepath.Join(t.TempDir(), "net.d", "10-coxswain.conflist"), DataDir: t.TempDir(), Fabric: f,
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ns.Try(func() error { return n.Run(ctx) }) }()
	<-observed.subscribed

	informer.Add(node("there", "10.42.9.0/24"))
	informer.Add(node("here"))
	if _, err := os.Stat(n.ConfigFile); err == nil {
		t.Fatal("there is a configuration before the node has a share")
	}
	informer.Add(node("here", "10.42.7.0/24", "fd42:7::/64"))
	select {
	case <-n.Ready():
	case <-time.After(time.Minute):
		t.Fatal("not ready")
	}
	if own := <-f.runs; !slices.Equal(own, []netip.Prefix{netip.MustParsePrefix("10.42.7.0/24"), netip.MustParsePrefix("fd42:7::/64")}) {
		t.Errorf("the fabric runs with %v", own)
	}

	// The file is one that the runtime's library reads and the plugin understands.
	list, err := libcni.NetworkConfFromFile(n.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	if plugin := list.Plugins[0].Network; plugin.Type != cni.Type || !plugin.Capabilities["portMappings"] || list.CNIVersion != "1.1.0" {
		t.Errorf("got type %s, capabilities %v, version %s", plugin.Type, plugin.Capabilities, list.CNIVersion)
	}

	// What stays the same is not written again.
	before, err := os.Stat(n.ConfigFile)
	if err != nil {
		t.Fatal(err)
	}
	informer.Add(node("here", "10.42.7.0/24", "fd42:7::/64"))
	cancel()
	if err := <-done; err != nil {
		t.Errorf("running: %v", err)
	}
	after, err := os.Stat(n.ConfigFile)
	if err != nil || !os.SameFile(before, after) {
		t.Errorf("the file was written again, %v", err)
	}
}

// Docker has the kernel drop what is forwarded and was not accepted by somebody.
func TestPodsPassAFirewallThatDrops(t *testing.T) {
	if _, err := exec.LookPath("iptables"); err != nil {
		t.Skip("needs iptables")
	}
	node, a, b := netns.New(t, "node"), netns.New(t, "a"), netns.New(t, "b")
	node.Sysctl(t, "net/ipv4/ip_forward", "1")
	node.Connect(t, a, "a", []string{"10.42.1.1/24"}, []string{"10.42.1.2/24"})
	node.Connect(t, b, "b", []string{"10.42.2.1/24"}, []string{"10.42.2.2/24"})
	a.Route(t, "10.42.0.0/16", "eth0", "10.42.1.1")
	b.Route(t, "10.42.0.0/16", "eth0", "10.42.2.1")
	dial := func(patience time.Duration) error {
		return a.Try(func() error {
			// Nobody listens: a refusal has made the way there and back.
			c, err := net.DialTimeout("tcp", "10.42.2.2:80", patience)
			if err == nil {
				_ = c.Close()
			}
			if errors.Is(err, syscall.ECONNREFUSED) {
				return nil
			}
			return err
		})
	}
	node.Do(t, func() error { return exec.Command("iptables", "-P", "FORWARD", "DROP").Run() })
	if err := dial(300 * time.Millisecond); err == nil {
		t.Fatal("the firewall lets everything pass")
	}
	for range 2 { // again changes nothing
		node.Do(t, func() error {
			return packetfilter.AcceptForwarded(t.Context(), []netip.Prefix{netip.MustParsePrefix("10.42.0.0/16")})
		})
	}
	if err := dial(30 * time.Second); err != nil {
		t.Error(err)
	}
	node.Do(t, func() error {
		out, err := exec.Command("iptables", "-S", "FORWARD").Output()
		if rules := bytes.Count(out, []byte("ACCEPT")); err == nil && rules != 2 {
			err = fmt.Errorf("%d rules: %s", rules, out)
		}
		return err
	})
}

// observedCache tells when somebody has subscribed.
type observedCache struct {
	*informertest.FakeInformers
	subscribed chan struct{}
}

func (c observedCache) GetInformer(ctx context.Context, o client.Object, opts ...cache.InformerGetOption) (cache.Informer, error) {
	i, err := c.FakeInformers.GetInformer(ctx, o, opts...)
	return observedInformer{i, c.subscribed}, err
}

type observedInformer struct {
	cache.Informer
	subscribed chan struct{}
}

func (i observedInformer) AddEventHandler(h toolscache.ResourceEventHandler) (toolscache.ResourceEventHandlerRegistration, error) {
	defer close(i.subscribed)
	return i.Informer.AddEventHandler(h)
}
