package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllertest"

	"github.com/coxswain-k8s/coxswain/proxy/proxytest"
	"github.com/coxswain-k8s/coxswain/test/netns"
)

// cluster is a world whose node runs a proxy.
type cluster struct {
	*proxytest.World
	t     *testing.T
	cache *informertest.FakeInformers
	proxy *Proxy
	stop  func()
}

func newCluster(t *testing.T, mode string) *cluster {
	c := &cluster{World: proxytest.NewWorld(t), t: t, cache: &informertest.FakeInformers{}}
	c.proxy = &Proxy{
		Cache: c.cache, NodeName: "here", Mode: mode,
		NodeIPs:        []netip.Addr{netip.MustParseAddr(proxytest.NodeIP), netip.MustParseAddr(proxytest.NodeIP6)},
		ClusterCIDRs:   []netip.Prefix{netip.MustParsePrefix(proxytest.ClusterCIDR)},
		ServiceCIDRs:   []netip.Prefix{netip.MustParsePrefix("10.43.0.0/16"), netip.MustParsePrefix("fd43::/112")},
		HealthzAddress: proxytest.NodeIP + ":10256",
	}
	c.start()
	return c
}

func (c *cluster) start() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	ready := c.proxy.Ready()
	go func() { done <- c.Node.Try(func() error { return c.proxy.Run(ctx) }) }()
	c.stop = func() {
		cancel()
		if err := <-done; err != nil {
			c.t.Errorf("running the proxy: %v", err)
		}
		c.stop = func() {}
	}
	c.t.Cleanup(func() { c.stop() })
	select {
	case <-ready:
	case err := <-done:
		done <- err
		c.t.Fatalf("the proxy ended: %v", err)
	case <-time.After(time.Minute):
		c.t.Fatal("the proxy is not ready")
	}
}

func (c *cluster) informer(o client.Object) *controllertest.FakeInformer {
	i, err := c.cache.FakeInformerFor(context.Background(), o)
	if err != nil {
		c.t.Fatal(err)
	}
	return i
}

// set adds a Service and its one slice, or replaces the slice.
func (c *cluster) set(svc *corev1.Service, slice *discoveryv1.EndpointSlice) {
	slice.Namespace, slice.Name = svc.Namespace, svc.Name+"-1"
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: svc.Name}
	c.informer(svc).Add(svc)
	c.informer(slice).Add(slice)
}

// eventually fails unless check succeeds soon. It returns how long it took.
func (c *cluster) eventually(what string, check func() error) time.Duration {
	c.t.Helper()
	start := time.Now()
	var err error
	for time.Since(start) < time.Minute {
		if err = check(); err == nil {
			return time.Since(start)
		}
	}
	c.t.Errorf("%s: %v", what, err)
	return 0
}

// hasty is the world to those who ask again: what does not answer at once may never.
func (c *cluster) hasty() *proxytest.World {
	hasty := *c.World
	hasty.Patience = 50 * time.Millisecond
	return &hasty
}

func (c *cluster) reaches(from *netns.Namespace, address, want string) func() error {
	return func() error {
		server, _, err := c.hasty().Dial(from, address)
		if err == nil && server != want {
			err = fmt.Errorf("reached %s, want %s", server, want)
		}
		return err
	}
}

func modes(t *testing.T, test func(t *testing.T, c *cluster)) {
	for _, mode := range []string{ModeNFTables, ModeIPTables} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			test(t, newCluster(t, mode))
		})
	}
}

func TestServicesComeAndGo(t *testing.T) {
	modes(t, func(t *testing.T, c *cluster) {
		svc := proxytest.Service("web", "10.43.0.80")
		c.set(svc, proxytest.Slice("a"))
		took := c.eventually("create to first connection", c.reaches(c.Node, "10.43.0.80:80", "a"))
		t.Logf("create to first connection: %v", took)
		c.set(svc, proxytest.Slice("b"))
		c.eventually("another endpoint", c.reaches(c.Pods["a"], "10.43.0.80:80", "b"))

		// A restart is not noticed; what changed meanwhile is.
		c.stop()
		if server, _, err := c.Dial(c.Node, "10.43.0.80:80"); err != nil || server != "b" {
			t.Errorf("while the proxy is stopped: reached %q, %v", server, err)
		}
		c.informer(svc).Delete(svc)
	})
}

func TestCleanup(t *testing.T) {
	modes(t, func(t *testing.T, c *cluster) {
		svc := proxytest.Service("web", "10.43.0.80")
		c.set(svc, proxytest.Slice("a"))
		c.eventually("create to first connection", c.reaches(c.Node, "10.43.0.80:80", "a"))
		c.stop()
		for range 2 {
			c.Node.Do(t, func() error { return c.proxy.Cleanup(t.Context()) })
		}
		if err := c.reaches(c.Node, "10.43.0.80:80", "a")(); err == nil {
			t.Error("the Service answers after the clean-up")
		}
	})
}

// A UDP client that never changes its port is sent to a live endpoint when its own goes.
func TestUDPClientsFollowTheirService(t *testing.T) {
	modes(t, func(t *testing.T, c *cluster) {
		svc := proxytest.Service("web", "10.43.0.80", func(s *corev1.Service) {
			s.Spec.Type = corev1.ServiceTypeNodePort
			s.Spec.Ports[1].NodePort = 30053
		})
		c.set(svc, proxytest.Slice("a"))
		c.eventually("ready", c.reaches(c.Node, "10.43.0.80:80", "a"))
		for _, address := range []string{"10.43.0.80:80", proxytest.NodeIP + ":30053"} {
			c.set(svc, proxytest.Slice("a"))
			c.eventually("back to a", c.reaches(c.Node, "10.43.0.80:80", "a"))
			conn, err := c.Open(c.Outside, "udp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			ask := func(want string) func() error {
				return func() error {
					server, _, err := proxytest.Ask(conn)
					if err == nil && server != want {
						err = fmt.Errorf("reached %s, want %s", server, want)
					}
					return err
				}
			}
			c.eventually("first endpoint of "+address, ask("a"))
			c.set(svc, proxytest.Slice("b"))
			c.eventually("second endpoint of "+address, ask("b"))
		}
	})
}

func TestHealth(t *testing.T) {
	c := newCluster(t, "")
	status := func(address string, body any) int {
		t.Helper()
		http := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(_ context.Context, network, a string) (net.Conn, error) {
			return c.Open(c.Outside, network, a)
		}}}
		r, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Body.Close() }()
		data, err := io.ReadAll(r.Body)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(data, body); err != nil {
			t.Fatalf("%s: %v", data, err)
		}
		return r.StatusCode
	}
	var healthz struct{ LastUpdated time.Time }
	if code := status("http://"+proxytest.NodeIP+":10256/healthz", &healthz); code != 200 || healthz.LastUpdated.IsZero() {
		t.Errorf("healthz: %d, %v", code, healthz)
	}

	svc := proxytest.Service("web", "10.43.0.80", func(s *corev1.Service) {
		s.Spec.Type, s.Spec.ExternalTrafficPolicy = corev1.ServiceTypeLoadBalancer, corev1.ServiceExternalTrafficPolicyLocal
		s.Spec.HealthCheckNodePort = 32000
	})
	c.set(svc, proxytest.Slice("a", "b@other"))
	c.eventually("ready", c.reaches(c.Pods["c"], "10.43.0.80:80", "a"))
	var health struct {
		Service             map[string]string
		LocalEndpoints      int
		ServiceProxyHealthy bool
	}
	port := "http://" + proxytest.NodeIP + ":32000"
	c.eventually("health check port", func() error {
		conn, err := c.Open(c.Outside, "tcp", proxytest.NodeIP+":32000")
		if err == nil {
			_ = conn.Close()
		}
		return err
	})
	if code := status(port, &health); code != 200 || health.LocalEndpoints != 1 || !health.ServiceProxyHealthy || health.Service["name"] != "web" {
		t.Errorf("with a local endpoint: %d, %+v", code, health)
	}
	c.set(svc, proxytest.Slice("b@other"))
	c.eventually("no local endpoint", func() error {
		if code := status(port, &health); code != 503 || health.LocalEndpoints != 0 {
			return fmt.Errorf("%d, %+v", code, health)
		}
		return nil
	})
	node := &corev1.Node{}
	node.Name = "here"
	node.Spec.Taints = []corev1.Taint{{Key: taintToBeDeleted, Effect: corev1.TaintEffectNoSchedule}}
	c.informer(node).Add(node)
	c.eventually("a node that goes", func() error {
		if code := status("http://"+proxytest.NodeIP+":10256/healthz", &healthz); code != 503 {
			return fmt.Errorf("healthz: %d", code)
		}
		return nil
	})
	if code := status("http://"+proxytest.NodeIP+":10256/livez", &healthz); code != 200 {
		t.Errorf("livez: %d", code)
	}
}

// A storm of changes is gathered into few syncs, and the last change is not lost.
func TestStorm(t *testing.T) {
	c := newCluster(t, ModeNFTables)
	svc := proxytest.Service("web", "10.43.0.80")
	c.set(svc, proxytest.Slice("a"))
	for i := range 2000 {
		ip := fmt.Sprintf("10.43.%d.%d", 1+i/250, 1+i%250)
		c.set(proxytest.Service(fmt.Sprintf("svc-%d", i), ip), proxytest.Slice("a", "b"))
	}
	last := proxytest.Service("last", "10.43.200.1")
	c.set(last, proxytest.Slice("c"))
	took := c.eventually("the last Service", c.reaches(c.Node, "10.43.200.1:80", "c"))
	t.Logf("2000 Services and the last one: %v", took)
	c.eventually("one in the middle", func() error {
		_, _, err := c.hasty().Dial(c.Node, "10.43.5.7:80")
		return err
	})
}

// The kernel takes routes away with their link. Without a default route the node's processes would not reach cluster IPs any more.
func TestALinkGoesDownAndUp(t *testing.T) {
	c := newCluster(t, "")
	svc := proxytest.Service("web", "10.43.0.80")
	c.set(svc, proxytest.Slice("a"))
	c.eventually("ready", c.reaches(c.Node, "10.43.0.80:80", "a"))
	c.Node.Do(t, func() error {
		link, err := netlink.LinkByName("out")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetDown(link); err != nil {
			return err
		}
		return netlink.LinkSetUp(link)
	})
	c.eventually("after the link went down and up", c.reaches(c.Node, "10.43.0.80:80", "a"))
}

func TestUnknownModeIsRefused(t *testing.T) {
	p := &Proxy{Cache: &informertest.FakeInformers{}, Mode: "telepathy"}
	if err := p.Run(t.Context()); err == nil {
		t.Error("want an error")
	}
}
