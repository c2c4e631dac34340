package proxytest

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/proxy/rules"

	"github.com/coxswain-k8s/coxswain/test/netns"
)

// Backend is what the suite tries: a way to put rules into the kernel.
type Backend interface {
	Replace(ctx context.Context, all rules.Change) error
	Apply(ctx context.Context, c rules.Change) error
	Cleanup(ctx context.Context) error
	Close() error
}

// Fixture is a world with a backend on its node.
type Fixture struct {
	*World
	t       testing.TB
	backend Backend
	state   *rules.State
}

// Opener opens a backend in the calling thread's network namespace.
type Opener func(clusterCIDRs []netip.Prefix) (Backend, error)

func newFixture(t testing.TB, open Opener) *Fixture {
	f := &Fixture{World: NewWorld(t), t: t, state: rules.NewState()}
	f.routeServices(t, "10.43.0.0/16", "fd43::/112")
	f.reopen(open)
	return f
}

// reopen opens the backend and hands it everything, as a new process does.
func (f *Fixture) reopen(open Opener) {
	f.t.Helper()
	f.Node.Do(f.t, func() error {
		b, err := open([]netip.Prefix{netip.MustParsePrefix(ClusterCIDR), netip.MustParsePrefix(ClusterCIDR6)})
		if err != nil {
			return err
		}
		f.backend = b
		return b.Replace(context.Background(), f.state.Everything())
	})
	b := f.backend
	f.t.Cleanup(func() { _ = b.Close() })
}

// Set gives the backend a Service with endpoints.
func (f *Fixture) Set(svc *corev1.Service, slices ...*discoveryv1.EndpointSlice) {
	f.t.Helper()
	name := types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name}
	f.state.Set(name, 0, rules.Compute(svc, slices, rules.Node{Name: "here"}))
	f.sync()
}

// Delete takes a Service away.
func (f *Fixture) Delete(svc *corev1.Service) {
	f.t.Helper()
	f.state.Set(types.NamespacedName{Namespace: svc.Namespace, Name: svc.Name}, 0, rules.ServiceRules{})
	f.sync()
}

func (f *Fixture) sync() {
	f.t.Helper()
	c := f.state.Take()
	f.Node.Do(f.t, func() error { return f.backend.Apply(context.Background(), c) })
}

// Service is a Service of the test with port 80 to the pods' port, changed by the given functions.
func Service(name, ip string, change ...func(*corev1.Service)) *corev1.Service {
	svc := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, ClusterIP: ip, ClusterIPs: []string{ip},
			Ports: []corev1.ServicePort{
				{Name: "tcp", Protocol: corev1.ProtocolTCP, Port: 80},
				{Name: "udp", Protocol: corev1.ProtocolUDP, Port: 80},
			},
		},
	}
	for _, c := range change {
		c(svc)
	}
	return svc
}

// Slice is an EndpointSlice with the given pods of this node. A name with a suffix changes the endpoint: `a!` terminates but
// serves, `a-` is not ready, `a@other` is on another node.
func Slice(pods ...string) *discoveryv1.EndpointSlice {
	return slice(discoveryv1.AddressTypeIPv4, PodIP, pods)
}

// Slice6 is Slice with the pods' IPv6 addresses.
func Slice6(pods ...string) *discoveryv1.EndpointSlice {
	return slice(discoveryv1.AddressTypeIPv6, PodIP6, pods)
}

func slice(kind discoveryv1.AddressType, ip func(string) string, pods []string) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{AddressType: kind, Ports: []discoveryv1.EndpointPort{
		{Name: ptr.To("tcp"), Protocol: ptr.To(corev1.ProtocolTCP), Port: ptr.To[int32](PodPort)},
		{Name: ptr.To("udp"), Protocol: ptr.To(corev1.ProtocolUDP), Port: ptr.To[int32](PodPort)},
	}}
	for _, p := range pods {
		terminating, unready := strings.Contains(p, "!"), strings.Contains(p, "-")
		node := "here"
		if _, other, ok := strings.Cut(p, "@"); ok {
			node = other
		}
		s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{
			Addresses: []string{ip(p)}, NodeName: ptr.To(node),
			Conditions: discoveryv1.EndpointConditions{
				Ready: ptr.To(!terminating && !unready), Serving: ptr.To(!unready), Terminating: ptr.To(terminating),
			},
		})
	}
	return s
}

// expectFrom dials often enough to see every server and fails unless exactly the given ones answered.
func (f *Fixture) expectFrom(from *netns.Namespace, address string, servers ...string) {
	f.t.Helper()
	seen := map[string]int{}
	for range 24 * len(servers) {
		server, _, err := f.Dial(from, address)
		if err != nil {
			f.t.Fatalf("dialing %s from %s: %v", address, from.Name, err)
		}
		seen[server]++
	}
	for _, s := range servers {
		if seen[s] == 0 {
			f.t.Errorf("%s: nobody reached %s, only %v", address, s, seen)
		}
		delete(seen, s)
	}
	if len(seen) > 0 {
		f.t.Errorf("%s: reached %v too, want only %v", address, seen, servers)
	}
}

// expectClient fails unless the server sees the client under the given address.
func (f *Fixture) expectClient(from *netns.Namespace, address, want string) {
	f.t.Helper()
	_, client, err := f.Dial(from, address)
	if err != nil {
		f.t.Fatalf("dialing %s from %s: %v", address, from.Name, err)
	}
	if client != want {
		f.t.Errorf("%s: the server sees client %s, want %s", address, client, want)
	}
}

// expectRefused fails unless the dial is answered with a rejection, and soon.
func (f *Fixture) expectRefused(from *netns.Namespace, address string) {
	f.t.Helper()
	if _, _, err := f.Dial(from, address); !Refused(err) {
		f.t.Errorf("%s from %s: want a refused connection, got %v", address, from.Name, err)
	}
}

// expectSilence fails unless the dial is not answered.
func (f *Fixture) expectSilence(from *netns.Namespace, address string) {
	f.t.Helper()
	err := from.Try(func() error { return dialBriefly(address) })
	if err == nil || Refused(err) {
		f.t.Errorf("%s: want silence, got %v", address, err)
	}
}

func nodePort(port int32) string { return fmt.Sprintf("%s:%d", NodeIP, port) }

const silence = 300 * time.Millisecond
