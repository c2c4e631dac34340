package nftables

import (
	"net/netip"
	"testing"

	"github.com/coxswain-k8s/coxswain/proxy/proxytest"
)

func TestBehaviour(t *testing.T) {
	proxytest.Run(t, func(cidrs []netip.Prefix) (proxytest.Backend, error) { return New(cidrs) })
}

func BenchmarkSync(b *testing.B) {
	proxytest.Bench(b, func(cidrs []netip.Prefix) (proxytest.Backend, error) { return New(cidrs) })
}

func TestRandomChanges(t *testing.T) {
	proxytest.Random(t, func(cidrs []netip.Prefix) (proxytest.Backend, error) { return New(cidrs) }, 200)
}
