package proxytest

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/proxy/rules"
	"github.com/coxswain-k8s/coxswain/test/netns"
)

// Bench measures a start with a thousand Services of five endpoints, and one more Service on top.
func Bench(b *testing.B, open Opener) {
	ns := netns.New(b, "node")
	var backend Backend
	ns.Do(b, func() (err error) {
		backend, err = open([]netip.Prefix{netip.MustParsePrefix(ClusterCIDR)})
		return err
	})
	defer func() { _ = backend.Close() }()
	state := rules.NewState()
	const services = 1000
	for i := range services {
		setBench(state, i)
	}
	state.Take()
	b.Run("start with 1000 Services", func(b *testing.B) {
		for b.Loop() {
			ns.Do(b, func() error { return backend.Replace(context.Background(), state.Everything()) })
		}
	})
	b.Run("one more", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			setBench(state, services+i%1000)
			c := state.Take()
			ns.Do(b, func() error { return backend.Apply(context.Background(), c) })
		}
	})
}

func setBench(s *rules.State, i int) {
	svc := Service(fmt.Sprintf("svc-%d", i), fmt.Sprintf("10.43.%d.%d", i/250, i%250+1))
	svc.Spec.Ports = svc.Spec.Ports[:1]
	slice := &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv4, Ports: []discoveryv1.EndpointPort{
		{Name: ptr.To("tcp"), Protocol: ptr.To(corev1.ProtocolTCP), Port: ptr.To[int32](PodPort)},
	}}
	for e := range 5 {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("10.42.%d.%d", i%250, 10+e)}})
	}
	s.Set(types.NamespacedName{Namespace: "default", Name: svc.Name}, 0, rules.Compute(svc, []*discoveryv1.EndpointSlice{slice}, rules.Node{Name: "here"}))
}
