package rules

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

func serviceRules(pool string, ip string, endpoints ...string) ServiceRules {
	p := Pool{Name: pool, Protocol: corev1.ProtocolTCP}
	for _, e := range endpoints {
		p.Endpoints = append(p.Endpoints, netip.MustParseAddrPort(e))
	}
	return ServiceRules{
		Frontends: map[Frontend]Target{
			{Address: netip.MustParseAddr(ip), Protocol: corev1.ProtocolTCP, Port: 80}:             {Verdict: Forward, Pool: pool},
			{Address: netip.MustParseAddr("203.0.113.7"), Protocol: corev1.ProtocolTCP, Port: 443}: {Verdict: Forward, Pool: pool},
		},
		Pools:      map[string]Pool{pool: p},
		ClusterIPs: []netip.Addr{netip.MustParseAddr(ip)},
	}
}

func name(s string) types.NamespacedName { return types.NamespacedName{Namespace: "default", Name: s} }

func TestOnlyTheDifferenceIsTaken(t *testing.T) {
	s := NewState()
	s.Set(name("a"), 1, serviceRules("a", "10.43.0.1", "10.42.0.1:80"))
	s.Take()
	s.Set(name("a"), 1, serviceRules("a", "10.43.0.1", "10.42.0.1:80"))
	if c := s.Take(); !c.Empty() {
		t.Errorf("the same again: %+v", c)
	}
	s.Set(name("a"), 1, serviceRules("a", "10.43.0.1", "10.42.0.2:80"))
	want := Change{
		SetPools: []Pool{serviceRules("a", "10.43.0.1", "10.42.0.2:80").Pools["a"]}, SetFrontends: map[Frontend]Target{},
		AddEndpointIPs: []netip.Addr{netip.MustParseAddr("10.42.0.2")}, DeleteEndpointIPs: []netip.Addr{netip.MustParseAddr("10.42.0.1")},
	}
	if diff := cmp.Diff(want, s.Take(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("another endpoint: -want +got:\n%s", diff)
	}
	s.Set(name("a"), 1, ServiceRules{})
	if c := s.Take(); len(c.DeleteFrontends) != 2 || len(c.DeletePools) != 1 || len(c.DeleteClusterIPs) != 1 || len(c.DeleteEndpointIPs) != 1 {
		t.Errorf("after the deletion: %+v", c)
	}
	if c := s.Everything(); !c.Empty() {
		t.Errorf("something is left: %+v", c)
	}
}

func TestTheOlderServiceHasAFrontendThatTwoClaim(t *testing.T) {
	s := NewState()
	shared := Frontend{Address: netip.MustParseAddr("203.0.113.7"), Protocol: corev1.ProtocolTCP, Port: 443}
	owner := func(want string) {
		t.Helper()
		s.Take()
		if got, _ := s.Target(shared); got.Pool != want {
			t.Errorf("the frontend leads to %q, want %q", got.Pool, want)
		}
	}
	s.Set(name("young"), 2, serviceRules("young", "10.43.0.2", "10.42.0.2:80"))
	owner("young")
	s.Set(name("old"), 1, serviceRules("old", "10.43.0.1", "10.42.0.1:80"))
	owner("old")
	s.Set(name("same-age"), 1, serviceRules("same-age", "10.43.0.3", "10.42.0.3:80"))
	owner("old")
	s.Set(name("old"), 1, ServiceRules{})
	owner("same-age")
	s.Set(name("same-age"), 1, ServiceRules{})
	owner("young")
}
