package proxytest

import (
	"net"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/test/netns"
)

// Run tries the behaviour of a backend.
func Run(t *testing.T, open Opener) {
	for name, test := range map[string]func(*Fixture){
		"a cluster IP spreads over the ready endpoints":               clusterIP,
		"a Service without endpoints is rejected":                     noEndpoints,
		"a node port answers on the node's addresses":                 nodePorts,
		"external IPs and load balancer addresses":                    externalAddresses,
		"source ranges guard the load balancer's address":             sourceRanges,
		"a client with affinity keeps its endpoint while it is there": clientAffinity,
		"policy Local keeps outsiders on the node with their address": localPolicies,
		"a terminating endpoint serves when nobody is ready":          terminating,
		"a rolling update never sends anybody to a dead endpoint":     rolling,
		"open connections outlive their endpoint's removal":           openConnections,
		"UDP":                                    udp,
		"IPv6 beside IPv4":                       dualStack,
		"a new process takes over without a gap": func(f *Fixture) { takeOver(f, open) },
		"clean-up leaves nothing":                cleanUp,
		"two Services in turn with the same node port": sharedNodePort,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newFixture(t, open))
		})
	}
}

func clusterIP(f *Fixture) {
	svc := Service("web", "10.43.0.80")
	f.Set(svc, Slice("a", "b", "c-"))
	f.expectFrom(f.Pods["c"], "10.43.0.80:80", "a", "b")
	f.expectFrom(f.Node, "10.43.0.80:80", "a", "b")
	f.expectFrom(f.Outside, "10.43.0.80:80", "a", "b")
	f.expectClient(f.Pods["c"], "10.43.0.80:80", PodIP("c"))
	f.expectRefused(f.Pods["c"], "10.43.0.80:81")

	f.Set(svc, Slice("a"))
	f.expectFrom(f.Pods["a"], "10.43.0.80:80", "a") // itself

	f.Set(svc, Slice("a", "b"), Slice("c"))
	f.expectFrom(f.Outside, "10.43.0.80:80", "a", "b", "c")
	f.Delete(svc)
	if _, _, err := f.Dial(f.Node, "10.43.0.80:80"); err == nil {
		f.t.Error("the Service answers after it was deleted")
	}
}

func noEndpoints(f *Fixture) {
	svc := Service("web", "10.43.0.80", nodePortOn(30080))
	f.Set(svc)
	for _, from := range []*netns.Namespace{f.Node, f.Pods["a"], f.Outside} {
		f.expectRefused(from, "10.43.0.80:80")
		f.expectRefused(from, nodePort(30080))
	}
	f.Set(svc, Slice("a"))
	f.expectFrom(f.Outside, nodePort(30080), "a")
	f.Set(svc)
	f.expectRefused(f.Outside, nodePort(30080))
}

func nodePorts(f *Fixture) {
	f.Set(Service("web", "10.43.0.80", nodePortOn(30080)), Slice("a", "b"))
	f.expectFrom(f.Outside, nodePort(30080), "a", "b")
	f.expectFrom(f.Node, nodePort(30080), "a", "b")
	f.expectFrom(f.Pods["a"], nodePort(30080), "a", "b")
	f.expectClient(f.Outside, nodePort(30080), GatewayIP)
	f.expectRefused(f.Node, "127.0.0.1:30080")
}

func sharedNodePort(f *Fixture) {
	first, second := Service("first", "10.43.0.80", nodePortOn(30080)), Service("second", "10.43.0.81", nodePortOn(30080))
	f.Set(first, Slice("a"))
	f.Set(second, Slice("b"))
	f.expectFrom(f.Outside, nodePort(30080), "a")
	f.Delete(first)
	f.expectFrom(f.Outside, nodePort(30080), "b")
	f.expectFrom(f.Node, "10.43.0.81:80", "b")
}

func externalAddresses(f *Fixture) {
	f.Set(Service("web", "10.43.0.80", loadBalancer("203.0.113.7"), func(s *corev1.Service) {
		s.Spec.ExternalIPs = []string{"203.0.113.8"}
	}), Slice("a", "b"))
	f.expectFrom(f.Outside, "203.0.113.7:80", "a", "b")
	f.expectFrom(f.Outside, "203.0.113.8:80", "a", "b")
	f.expectFrom(f.Pods["c"], "203.0.113.7:80", "a", "b")
}

func sourceRanges(f *Fixture) {
	only := func(ranges ...string) func(*corev1.Service) {
		return func(s *corev1.Service) { s.Spec.LoadBalancerSourceRanges = ranges }
	}
	f.Set(Service("web", "10.43.0.80", loadBalancer("203.0.113.7"), only("198.51.100.0/24")), Slice("a"))
	f.expectSilence(f.Outside, "203.0.113.7:80")
	f.Set(Service("web", "10.43.0.80", loadBalancer("203.0.113.7"), only("198.51.100.0/24", OutsideIP+"/32")), Slice("a"))
	f.expectFrom(f.Outside, "203.0.113.7:80", "a")
	f.Set(Service("web", "10.43.0.80", loadBalancer("203.0.113.7")), Slice("a"))
	f.expectFrom(f.Outside, "203.0.113.7:80", "a")
}

func clientAffinity(f *Fixture) {
	sticky := func(seconds int32) func(s *corev1.Service) {
		return func(s *corev1.Service) {
			s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
			s.Spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr.To(seconds)}}
		}
	}
	svc := Service("web", "10.43.0.80", sticky(600), nodePortOn(30080))
	f.Set(svc, Slice("a", "b", "c"))
	first, _, err := f.Dial(f.Outside, "10.43.0.80:80")
	if err != nil {
		f.t.Fatal(err)
	}
	f.expectFrom(f.Outside, "10.43.0.80:80", first)
	f.expectFrom(f.Outside, nodePort(30080), first)

	others := map[string][]string{"a": {"b", "c"}, "b": {"a", "c"}, "c": {"a", "b"}}[first]
	f.Set(svc, Slice(others...))
	second, _, err := f.Dial(f.Outside, "10.43.0.80:80")
	if err != nil || second == first {
		f.t.Fatalf("after its endpoint went the client reached %q, %v", second, err)
	}
	f.expectFrom(f.Outside, "10.43.0.80:80", second)

	// A second and more without a connection, and the client is forgotten.
	f.Set(Service("brief", "10.43.0.81", sticky(1)), Slice("a", "b", "c"))
	forgotten := map[string]bool{}
	for range 15 {
		server, _, err := f.Dial(f.Outside, "10.43.0.81:80")
		if err != nil {
			f.t.Fatal(err)
		}
		if forgotten[server] = true; len(forgotten) > 1 {
			return
		}
		<-time.After(1200 * time.Millisecond)
	}
	f.t.Error("the client kept its endpoint long after the timeout")
}

func localPolicies(f *Fixture) {
	local := func(s *corev1.Service) { s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal }
	svc := Service("web", "10.43.0.80", nodePortOn(30080), local)
	f.Set(svc, Slice("a", "b@other"))
	f.expectFrom(f.Outside, nodePort(30080), "a")
	f.expectClient(f.Outside, nodePort(30080), OutsideIP)
	f.expectFrom(f.Pods["c"], nodePort(30080), "a", "b")
	f.expectFrom(f.Node, nodePort(30080), "a", "b")

	f.Set(svc, Slice("b@other"))
	f.expectSilence(f.Outside, nodePort(30080))
	f.expectFrom(f.Pods["c"], nodePort(30080), "b")
	f.Set(svc)
	f.expectRefused(f.Outside, nodePort(30080))

	internal := func(s *corev1.Service) {
		s.Spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyLocal)
	}
	svc = Service("inner", "10.43.0.81", internal)
	f.Set(svc, Slice("a", "b@other"))
	f.expectFrom(f.Pods["c"], "10.43.0.81:80", "a")
	f.Set(svc, Slice("b@other"))
	f.expectSilence(f.Pods["c"], "10.43.0.81:80")
}

func terminating(f *Fixture) {
	svc := Service("web", "10.43.0.80")
	f.Set(svc, Slice("a!", "b"))
	f.expectFrom(f.Pods["c"], "10.43.0.80:80", "b")
	f.Set(svc, Slice("a!", "b!-"))
	f.expectFrom(f.Pods["c"], "10.43.0.80:80", "a")
	f.Set(svc, Slice("a!-"))
	f.expectRefused(f.Pods["c"], "10.43.0.80:80")
}

// rolling replaces one endpoint after the other under constant load; no connection may fail or see an endpoint that is out.
func rolling(f *Fixture) {
	svc := Service("web", "10.43.0.80", nodePortOn(30080))
	f.Set(svc, Slice("a", "b"))
	stop, failures := make(chan struct{}), make(chan error, 1)
	go func() {
		defer close(failures)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, _, err := f.Dial(f.Outside, nodePort(30080)); err != nil {
				failures <- err
				return
			}
		}
	}()
	for range 20 {
		f.Set(svc, Slice("b", "c"))
		f.expectFrom(f.Node, "10.43.0.80:80", "b", "c")
		f.Set(svc, Slice("a", "c"))
		f.Set(svc, Slice("a", "b", "c!"))
	}
	close(stop)
	if err := <-failures; err != nil {
		f.t.Errorf("a connection failed while endpoints came and went: %v", err)
	}
}

func openConnections(f *Fixture) {
	svc := Service("web", "10.43.0.80")
	f.Set(svc, Slice("a"))
	c, err := f.Open(f.Pods["b"], "tcp", "10.43.0.80:80")
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if server, _, err := Ask(c); server != "a" {
		f.t.Fatalf("reached %q, %v", server, err)
	}
	f.Set(svc, Slice("a!", "b"))
	f.expectFrom(f.Pods["c"], "10.43.0.80:80", "b")
	if server, _, err := Ask(c); server != "a" {
		f.t.Errorf("the open connection reached %q, %v after its endpoint began to terminate", server, err)
	}
	f.Delete(svc)
	if server, _, err := Ask(c); server != "a" {
		f.t.Errorf("the open connection reached %q, %v after the Service was deleted", server, err)
	}
}

func udp(f *Fixture) {
	f.Set(Service("web", "10.43.0.80", nodePortOn(30080)), Slice("a", "b"))
	seen := map[string]bool{}
	for range 40 {
		for _, address := range []string{"10.43.0.80:80", nodePort(30081)} {
			server, _, err := f.DialUDP(f.Outside, address)
			if err != nil {
				f.t.Fatalf("asking %s: %v", address, err)
			}
			seen[server] = true
		}
	}
	if !seen["a"] || !seen["b"] {
		f.t.Errorf("reached only %v", seen)
	}
}

func dualStack(f *Fixture) {
	svc := Service("web", "10.43.0.80", nodePortOn(30080), func(s *corev1.Service) {
		s.Spec.ClusterIPs = []string{"10.43.0.80", "fd43::80"}
	})
	f.Set(svc, Slice("a"), Slice6("b"))
	f.expectFrom(f.Pods["c"], "10.43.0.80:80", "a")
	f.expectFrom(f.Pods["c"], "[fd43::80]:80", "b")
	f.expectFrom(f.Node, "[fd43::80]:80", "b")
	f.expectFrom(f.Outside, "["+NodeIP6+"]:30080", "b")
	f.Set(svc, Slice("a"))
	f.expectRefused(f.Pods["c"], "[fd43::80]:80")
}

func takeOver(f *Fixture, open Opener) {
	svc := Service("web", "10.43.0.80", nodePortOn(30080))
	f.Set(svc, Slice("a", "b"))
	c, err := f.Open(f.Outside, "tcp", nodePort(30080))
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	_ = f.backend.Close()
	f.expectFrom(f.Outside, nodePort(30080), "a", "b")
	f.reopen(open)
	if _, _, err := Ask(c); err != nil {
		f.t.Errorf("the open connection broke: %v", err)
	}
	f.Set(svc, Slice("c"))
	f.expectFrom(f.Outside, nodePort(30080), "c")
}

func cleanUp(f *Fixture) {
	f.Set(Service("web", "10.43.0.80", nodePortOn(30080)), Slice("a"))
	f.Node.Do(f.t, func() error { return f.backend.Cleanup(f.t.Context()) })
	f.expectRefused(f.Outside, nodePort(30080))
	f.Node.Do(f.t, func() error { return f.backend.Replace(f.t.Context(), f.state.Everything()) })
	f.expectFrom(f.Outside, nodePort(30080), "a")
}

func nodePortOn(port int32) func(*corev1.Service) {
	return func(s *corev1.Service) {
		s.Spec.Type = corev1.ServiceTypeNodePort
		s.Spec.Ports[0].NodePort, s.Spec.Ports[1].NodePort = port, port+1
	}
}

func loadBalancer(ip string) func(*corev1.Service) {
	return func(s *corev1.Service) {
		s.Spec.Type = corev1.ServiceTypeLoadBalancer
		s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: ip}}
	}
}

func dialBriefly(address string) error {
	c, err := net.DialTimeout("tcp", address, silence)
	if err == nil {
		_ = c.Close()
	}
	return err
}
