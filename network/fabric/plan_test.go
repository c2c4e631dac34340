package fabric

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the plans that are computed to testdata")

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
	all, err := filepath.Glob("testdata/*.in.yaml")
	if err != nil || len(all) == 0 {
		t.Fatal("no cases", err)
	}
	for _, in := range all {
		t.Run(strings.TrimSuffix(filepath.Base(in), ".in.yaml"), func(t *testing.T) {
			data, err := os.ReadFile(in)
			if err != nil {
				t.Fatal(err)
			}
			var c planCase
			if err := yaml.UnmarshalStrict(data, &c); err != nil {
				t.Fatal(err)
			}
			got := describe(c.plan())
			out := strings.TrimSuffix(in, ".in.yaml") + ".out.txt"
			if *update {
				if err := os.WriteFile(out, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(out)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
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
