package fabric

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/test/pairs"
)

// planCase is an input: the first node is the one whose plan it is.
type planCase struct {
	Mode  Mode
	Links []struct {
		Index   int
		MTU     int
		Address string
	}
	Nodes []struct {
		Name      string
		Addresses []string
		PodCIDRs  []string
	}
}

func TestPlans(t *testing.T) {
	pairs.Each(t, "testdata/*.in.yaml", ".out.txt", func(t *testing.T, in []byte) []byte {
		var c planCase
		if err := yaml.UnmarshalStrict(in, &c); err != nil {
			t.Fatal(err)
		}
		return []byte(describe(c.plan()))
	})
}

func (c *planCase) plan() plan {
	s := situation{mode: c.Mode}
	for _, l := range c.Links {
		p := netip.MustParsePrefix(l.Address)
		s.links = append(s.links, attachment{index: l.Index, mtu: l.MTU, up: true, address: p.Addr(), network: p.Masked()})
	}
	var peers []peer
	for _, n := range c.Nodes {
		p := peer{name: n.Name}
		for _, a := range n.Addresses {
			p.addresses = append(p.addresses, netip.MustParseAddr(a))
		}
		for _, a := range n.PodCIDRs {
			p.podCIDRs = append(p.podCIDRs, netip.MustParsePrefix(a))
		}
		peers = append(peers, p)
	}
	s.own = peers[0]
	return makePlan(s, peers[1:])
}

func describe(p plan) string {
	var lines []string
	for to, r := range p.routes {
		lines = append(lines, fmt.Sprintf("route %s %s", to, r.words()))
	}
	for to, r := range p.nodes {
		lines = append(lines, fmt.Sprintf("from pods: route %s %s", to, r.words()))
	}
	if t := p.tunnel; t != nil {
		lines = append(lines, fmt.Sprintf("tunnel over link %d from %s, mtu %d, %s, addresses %v", t.link, t.local, t.mtu, t.hardware, t.addresses))
		for ip, hardware := range t.neighbours {
			lines = append(lines, fmt.Sprintf("tunnel: %s is at %s, which is node %s", ip, hardware, t.ends[hardware]))
		}
	}
	slices.Sort(lines)
	lines = append(lines, fmt.Sprintf("pods: mtu %d, not masqueraded to %v", p.mtu, p.reached))
	if len(p.unreachable) > 0 {
		lines = append(lines, fmt.Sprintf("unreachable: %v", p.unreachable))
	}
	return strings.Join(lines, "\n") + "\n"
}

func (r route) words() string {
	if r.tunnel {
		return fmt.Sprintf("through the tunnel to %s from %s", r.gateway, r.source)
	}
	return "via " + r.gateway.String()
}
