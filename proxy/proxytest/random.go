package proxytest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
	"github.com/coxswain-k8s/coxswain/test/netns"
)

// Random changes Services at random and fails when the kernel does not take one of the differences, or something is in the way when
// all of them are gone. The seed is in the failure.
func Random(t *testing.T, open Opener, steps int) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 0))
	ns := netns.New(t, "node")
	ctx := context.Background()
	var backend Backend
	state := rules.NewState()
	ns.Do(t, func() (err error) {
		if backend, err = open([]netip.Prefix{netip.MustParsePrefix(ClusterCIDR), netip.MustParsePrefix(ClusterCIDR6)}); err != nil {
			return err
		}
		return backend.Replace(ctx, state.Everything())
	})
	defer func() { _ = backend.Close() }()
	sync := func(step int) {
		c := state.Take()
		if err := ns.Try(func() error { return backend.Apply(ctx, c) }); err != nil {
			t.Fatalf("seed %d, step %d: %v\n%+v", seed, step, err, c)
		}
	}
	const services = 6
	for step := range steps {
		for range 1 + r.IntN(3) {
			i := r.IntN(services)
			name := types.NamespacedName{Namespace: "default", Name: fmt.Sprintf("svc-%d", i)}
			if r.IntN(4) == 0 {
				state.Set(name, 0, rules.ServiceRules{})
				continue
			}
			svc, all := randomService(r, name.Name, i)
			state.Set(name, rules.Age(r.IntN(3)), rules.Compute(svc, all, rules.Node{Name: "here"}))
		}
		sync(step)
	}
	for i := range services {
		state.Set(types.NamespacedName{Namespace: "default", Name: fmt.Sprintf("svc-%d", i)}, 0, rules.ServiceRules{})
	}
	sync(steps)
}

// randomService draws what a Service may have; external addresses and node ports are few, so that Services claim the same.
func randomService(r *rand.Rand, name string, i int) (*corev1.Service, []*discoveryv1.EndpointSlice) {
	maybe := func() bool { return r.IntN(2) == 0 }
	svc := Service(name, fmt.Sprintf("10.43.0.%d", 10+i))
	if maybe() {
		svc.Spec.ClusterIPs = append(svc.Spec.ClusterIPs, fmt.Sprintf("fd43::%d", 10+i))
	}
	if maybe() {
		nodePortOn(int32(30000 + 2*r.IntN(3)))(svc)
	}
	if maybe() {
		loadBalancer(fmt.Sprintf("203.0.113.%d", r.IntN(2)))(svc)
		if maybe() {
			svc.Spec.LoadBalancerSourceRanges = []string{"198.51.100.0/24", fmt.Sprintf("192.0.%d.0/24", r.IntN(2)), "2001:db8::/32"}
		}
	}
	if maybe() {
		svc.Spec.ExternalIPs = []string{fmt.Sprintf("203.0.113.%d", r.IntN(3)), "2001:db8::1"}
	}
	if maybe() {
		svc.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
	}
	if maybe() {
		svc.Spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyLocal)
	}
	if maybe() {
		svc.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
	}
	var pods []string
	for _, p := range []string{"a", "b", "c", "d@other", "e!", "f-"} {
		if maybe() {
			pods = append(pods, p)
		}
	}
	return svc, []*discoveryv1.EndpointSlice{Slice(pods...), Slice6(pods...)}
}
