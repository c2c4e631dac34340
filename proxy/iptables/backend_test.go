package iptables

import (
	"net/netip"
	"testing"

	"github.com/coxswain-k8s/coxswain/proxy/proxytest"
)

func TestBehaviour(t *testing.T) {
	if _, err := New(nil); err != nil {
		t.Skipf("needs iptables: %v", err)
	}
	proxytest.Run(t, func(cidrs []netip.Prefix) (proxytest.Backend, error) { return New(cidrs) })
}

func BenchmarkSync(b *testing.B) {
	proxytest.Bench(b, func(cidrs []netip.Prefix) (proxytest.Backend, error) { return New(cidrs) })
}

func TestRandomChanges(t *testing.T) {
	if _, err := New(nil); err != nil {
		t.Skipf("needs iptables: %v", err)
	}
	proxytest.Random(t, func(cidrs []netip.Prefix) (proxytest.Backend, error) { return New(cidrs) }, 50)
}
