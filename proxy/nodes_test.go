package proxy

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/proxy/proxytest"
	"github.com/coxswain-k8s/coxswain/test/netns"
)

// nodes is a cluster with a proxy on each node, all of which hear the same.
type nodes struct {
	*proxytest.Nodes
	t     *testing.T
	cache *informertest.FakeInformers
}

func onNodes(t *testing.T, count int, test func(n *nodes)) {
	for _, mode := range []string{ModeNFTables, ModeIPTables} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			n := &nodes{Nodes: proxytest.NewNodes(t, count), t: t, cache: &informertest.FakeInformers{}}
			n.Patience = 200 * time.Millisecond
			for i, node := range n.All {
				n.run(node, mode)
				n.add(&corev1.Node{
					ObjectMeta: metav1.ObjectMeta{Name: node.Name, Labels: map[string]string{corev1.LabelTopologyZone: fmt.Sprintf("zone-%d", i/2)}},
					Spec:       corev1.NodeSpec{PodCIDR: node.PodCIDR, PodCIDRs: []string{node.PodCIDR}},
				})
			}
			test(n)
		})
	}
}

func (n *nodes) run(node *proxytest.Node, mode string) {
	p := &Proxy{
		Cache: n.cache, NodeName: node.Name, Mode: mode, NodeIPs: []netip.Addr{netip.MustParseAddr(node.IP)},
		ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix(proxytest.ClusterCIDR)},
		ServiceCIDRs: []netip.Prefix{netip.MustParsePrefix("10.43.0.0/16")}, HealthzAddress: "-",
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	ready := p.Ready()
	go func() { done <- node.NS.Try(func() error { return p.Run(ctx) }) }()
	n.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Errorf("running the proxy of %s: %v", node.Name, err)
		}
	})
	<-ready
}

func (n *nodes) add(o client.Object) {
	i, err := n.cache.FakeInformerFor(context.Background(), o)
	if err != nil {
		n.t.Fatal(err)
	}
	i.Add(o)
}

// set gives all proxies a Service with the endpoints: pods (1a), nodes themselves (n1); a! terminates but serves.
func (n *nodes) set(svc *corev1.Service, endpoints ...string) {
	n.t.Helper()
	n.setHinted(svc, nil, endpoints...)
}

func (n *nodes) setHinted(svc *corev1.Service, hints func(node string) *discoveryv1.EndpointHints, endpoints ...string) {
	s := proxytest.Slice()
	s.Namespace, s.Name = svc.Namespace, svc.Name+"-1"
	s.Labels = map[string]string{discoveryv1.LabelServiceName: svc.Name}
	for _, name := range endpoints {
		name, terminating := strings.CutSuffix(name, "!")
		node, address := "n"+name[:1], ""
		if strings.HasPrefix(name, "n") {
			node, address = name, "192.168.50."+name[1:]
		} else {
			address = proxytest.PodAddress(name)
		}
		e := discoveryv1.Endpoint{Addresses: []string{address}, NodeName: ptr.To(node), Conditions: discoveryv1.EndpointConditions{
			Ready: ptr.To(!terminating), Serving: ptr.To(true), Terminating: ptr.To(terminating),
		}}
		if hints != nil {
			e.Hints = hints(node)
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	n.add(svc)
	n.add(s)
}

// expect waits until exactly the given servers answer at the address, and returns which clients they saw.
func (n *nodes) expect(from *netns.Namespace, address string, servers ...string) (clients []string) {
	n.t.Helper()
	return n.expectBy(n.Dial, from, address, servers...)
}

type dialer func(from *netns.Namespace, address string) (server, client string, err error)

func (n *nodes) expectBy(dial dialer, from *netns.Namespace, address string, servers ...string) []string {
	n.t.Helper()
	slices.Sort(servers)
	var seen, clients map[string]bool
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		seen, clients = map[string]bool{}, map[string]bool{}
		for range 8 * len(servers) {
			var server, client string
			if server, client, err = dial(from, address); err != nil {
				break
			}
			seen[server], clients[client] = true, true
		}
		if err == nil && slices.Equal(slices.Sorted(maps.Keys(seen)), servers) {
			return slices.Sorted(maps.Keys(clients))
		}
	}
	n.t.Errorf("%s from %s: reached %v, want %v, %v", address, from.Name, slices.Sorted(maps.Keys(seen)), servers, err)
	return nil
}

func (n *nodes) expectClient(from *netns.Namespace, address, client string, servers ...string) {
	n.t.Helper()
	if got := n.expect(from, address, servers...); !slices.Equal(got, []string{client}) {
		n.t.Errorf("%s from %s: seen as %v, want %s", address, from.Name, got, client)
	}
}

func (n *nodes) expectNothing(from *netns.Namespace, address string) {
	n.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if _, _, err := n.Dial(from, address); err != nil {
			return
		}
	}
	n.t.Errorf("%s from %s: answered", address, from.Name)
}

func nodePort(s *corev1.Service) {
	s.Spec.Type = corev1.ServiceTypeNodePort
	s.Spec.Ports[0].NodePort, s.Spec.Ports[1].NodePort = 30080, 30080
}

func externalLocal(s *corev1.Service) {
	s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
}

func (n *nodes) port(i int) string { return n.All[i].IP + ":30080" }

func TestNodePortsOfAllNodes(t *testing.T) {
	onNodes(t, 3, func(n *nodes) {
		svc := proxytest.Service("web", "10.43.0.80", nodePort)
		n.set(svc, "1a", "2a")
		for i := range n.All {
			n.expect(n.Outside, n.port(i), "1a", "2a")
			n.expect(n.Pods["3a"], n.port(i), "1a", "2a")
			n.expect(n.All[0].NS, n.port(i), "1a", "2a")
			n.expectBy(n.DialUDP, n.Outside, n.port(i), "1a", "2a")
		}
		// A pod that reaches itself, by its own node and by another one.
		n.set(svc, "1a")
		for _, address := range []string{"10.43.0.80:80", n.port(0), n.port(1)} {
			n.expect(n.Pods["1a"], address, "1a")
		}
		n.expectClient(n.Outside, n.port(2), n.All[2].IP, "1a")
	})
}

func TestPolicyLocalOnAllNodes(t *testing.T) {
	onNodes(t, 3, func(n *nodes) {
		svc := proxytest.Service("web", "10.43.0.80", nodePort, externalLocal, func(s *corev1.Service) {
			s.Spec.Type, s.Spec.HealthCheckNodePort = corev1.ServiceTypeLoadBalancer, 32000
			s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "203.0.113.7"}}
		})
		n.set(svc, "1a", "2a", "2b")
		n.expectClient(n.Outside, n.port(0), proxytest.ClientIP, "1a")
		n.expectClient(n.Outside, n.port(1), proxytest.ClientIP, "2a", "2b")
		n.expectClient(n.Outside, "203.0.113.7:80", proxytest.ClientIP, "1a") // by way of node 1
		n.expectNothing(n.Outside, n.port(2))
		for i, want := range []int{1, 2, 0} {
			n.expectHealth(n.All[i].IP+":32000", want)
		}
		// What begins on a node that has no endpoint goes anywhere.
		n.expect(n.Pods["3a"], "203.0.113.7:80", "1a", "2a", "2b")
		n.expect(n.Pods["3a"], n.port(2), "1a", "2a", "2b")
		n.expect(n.All[2].NS, n.port(2), "1a", "2a", "2b")
		// Another node's pod is an outsider like others.
		n.expectClient(n.Pods["3a"], n.port(0), proxytest.PodAddress("3a"), "1a")
		n.expectNothing(n.Pods["1a"], n.port(2))

		n.set(svc, "1a!", "2a")
		n.expectClient(n.Outside, n.port(0), proxytest.ClientIP, "1a")
		n.expectHealth(n.All[0].IP+":32000", 0)
	})
}

func (n *nodes) expectHealth(address string, local int) {
	n.t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(_ context.Context, network, a string) (net.Conn, error) {
		return n.Open(n.Outside, network, a)
	}}}
	var err error
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		var r *http.Response
		if r, err = c.Get("http://" + address); err != nil {
			continue
		}
		var body struct{ LocalEndpoints int }
		err = json.NewDecoder(r.Body).Decode(&body)
		_ = r.Body.Close()
		if err == nil && body.LocalEndpoints == local && (r.StatusCode == http.StatusOK) == (local > 0) {
			return
		}
		err = fmt.Errorf("status %d, %d local endpoints, %w", r.StatusCode, body.LocalEndpoints, err)
	}
	n.t.Errorf("%s: want %d local endpoints: %v", address, local, err)
}

func TestInternalPolicyLocalOnAllNodes(t *testing.T) {
	onNodes(t, 3, func(n *nodes) {
		svc := proxytest.Service("web", "10.43.0.80", func(s *corev1.Service) {
			s.Spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyLocal)
		})
		n.set(svc, "1a", "2a", "2b")
		n.expect(n.Pods["1b"], "10.43.0.80:80", "1a")
		n.expect(n.Pods["2a"], "10.43.0.80:80", "2a", "2b")
		n.expectNothing(n.Pods["3a"], "10.43.0.80:80")
		n.expectNothing(n.All[2].NS, "10.43.0.80:80")
		n.set(svc, "n1", "2a")
		n.expect(n.Pods["1b"], "10.43.0.80:80", "n1")
	})
}

func TestEndpointsOnTheHostNetwork(t *testing.T) {
	onNodes(t, 2, func(n *nodes) {
		svc := proxytest.Service("web", "10.43.0.80", nodePort)
		n.set(svc, "n1", "n2")
		for _, from := range []*netns.Namespace{n.Pods["1a"], n.Pods["2a"], n.All[0].NS, n.All[1].NS} {
			n.expect(from, "10.43.0.80:80", "n1", "n2")
			n.expect(from, n.port(0), "n1", "n2")
		}
		n.expect(n.Outside, n.port(0), "n1", "n2")
		n.expect(n.Outside, n.port(1), "n1", "n2")
	})
}

func TestNearEndpointsArePreferred(t *testing.T) {
	onNodes(t, 4, func(n *nodes) {
		svc := proxytest.Service("web", "10.43.0.80")
		zones := map[string]string{"n1": "zone-0", "n2": "zone-0", "n3": "zone-1", "n4": "zone-1"}
		n.setHinted(svc, func(node string) *discoveryv1.EndpointHints {
			return &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: zones[node]}}}
		}, "1a", "3a", "3b")
		n.expect(n.Pods["1b"], "10.43.0.80:80", "1a")
		n.expect(n.Pods["2a"], "10.43.0.80:80", "1a")
		n.expect(n.Pods["4a"], "10.43.0.80:80", "3a", "3b")
		n.setHinted(svc, func(node string) *discoveryv1.EndpointHints {
			return &discoveryv1.EndpointHints{
				ForZones: []discoveryv1.ForZone{{Name: zones[node]}}, ForNodes: []discoveryv1.ForNode{{Name: node}},
			}
		}, "1a", "3a", "4a")
		n.expect(n.Pods["3b"], "10.43.0.80:80", "3a")
		n.expect(n.Pods["4b"], "10.43.0.80:80", "4a")
		n.expect(n.Pods["2b"], "10.43.0.80:80", "1a") // of its zone
		// Nobody of zone 1 is left: anybody will do.
		n.setHinted(svc, func(node string) *discoveryv1.EndpointHints {
			return &discoveryv1.EndpointHints{ForZones: []discoveryv1.ForZone{{Name: zones[node]}}}
		}, "1a", "2a")
		n.expect(n.Pods["4b"], "10.43.0.80:80", "1a", "2a")
	})
}

func TestClientsKeepTheirEndpointOnAllNodes(t *testing.T) {
	onNodes(t, 2, func(n *nodes) {
		svc := proxytest.Service("web", "10.43.0.80", nodePort, func(s *corev1.Service) {
			s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
			s.Spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr.To[int32](60)}}
		})
		n.set(svc, "1a", "1b", "2a", "2b")
		for _, from := range []*netns.Namespace{n.Outside, n.Pods["1a"], n.All[1].NS} {
			for _, address := range []string{n.port(0), n.port(1), "10.43.0.80:80"} {
				if from == n.Outside && !strings.HasPrefix(address, "192") {
					continue
				}
				n.expect(from, address, n.eventuallyAnswers(from, address))
			}
		}
	})
}

// eventuallyAnswers returns who does.
func (n *nodes) eventuallyAnswers(from *netns.Namespace, address string) string {
	n.t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if server, _, err := n.Dial(from, address); err == nil {
			return server
		}
	}
	n.t.Fatalf("%s from %s: no answer", address, from.Name)
	return ""
}

// A UDP client that never changes its port follows the endpoint to another node, by whatever way it asks.
func TestUDPClientsFollowTheirServiceToAnotherNode(t *testing.T) {
	onNodes(t, 2, func(n *nodes) {
		svc := proxytest.Service("web", "10.43.0.80", nodePort)
		n.set(svc, "1a")
		for _, c := range []struct {
			from    *netns.Namespace
			address string
		}{
			{n.Outside, n.port(0)}, {n.Outside, n.port(1)}, {n.Pods["2b"], "10.43.0.80:80"}, {n.All[0].NS, "10.43.0.80:80"},
		} {
			n.set(svc, "1a")
			n.expectBy(n.DialUDP, c.from, c.address, "1a")
			conn, err := n.Open(c.from, "udp", c.address)
			if err != nil {
				n.t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			same := func(*netns.Namespace, string) (string, string, error) { return proxytest.Ask(conn) }
			n.expectBy(same, c.from, c.address, "1a")
			n.set(svc) // nobody for a while
			n.set(svc, "2a")
			n.expectBy(same, c.from, c.address, "2a")
		}
	})
}

func TestSourceRangesOnAllNodes(t *testing.T) {
	onNodes(t, 2, func(n *nodes) {
		svc := proxytest.Service("web", "10.43.0.80", func(s *corev1.Service) {
			s.Spec.Type = corev1.ServiceTypeLoadBalancer
			s.Spec.LoadBalancerSourceRanges = []string{"198.51.100.0/24", proxytest.PodAddress("2a") + "/32"}
			s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "203.0.113.7"}}
		})
		n.set(svc, "1a")
		n.expect(n.Pods["2a"], "203.0.113.7:80", "1a")
		n.expectNothing(n.Pods["2b"], "203.0.113.7:80")
		n.expectNothing(n.Outside, "203.0.113.7:80")
		n.expect(n.Pods["2b"], "10.43.0.80:80", "1a")
	})
}
