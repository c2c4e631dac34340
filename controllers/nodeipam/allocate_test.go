package nodeipam

import (
	"fmt"
	"net/netip"
	"testing"
)

func TestFree(t *testing.T) {
	for _, c := range []struct {
		why, network string
		bits         int
		used         []string
		want         string
	}{
		{"the first", "10.42.0.0/16", 24, nil, "10.42.0.0/24"},
		{"the first gap", "10.42.0.0/16", 24, []string{"10.42.0.0/24", "10.42.2.0/24"}, "10.42.1.0/24"},
		{"behind a larger one", "10.42.0.0/16", 24, []string{"10.42.0.0/22"}, "10.42.4.0/24"},
		{"not inside a smaller one", "10.42.0.0/16", 24, []string{"10.42.0.128/25"}, "10.42.1.0/24"},
		{"none left", "10.42.0.0/23", 24, []string{"10.42.0.0/24", "10.42.1.0/24"}, ""},
		{"at the end of the address space", "255.255.255.0/24", 25, []string{"255.255.255.0/24"}, ""},
		{"IPv6", "fd00::/48", 64, []string{"fd00::/64"}, "fd00:0:0:1::/64"},
	} {
		p, err := newPool(netip.MustParsePrefix(c.network), c.bits)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range c.used {
			p.take(netip.MustParsePrefix(text))
		}
		got, err := p.free()
		if c.want == "" {
			if err == nil {
				t.Errorf("%s: got %s, want none", c.why, got)
			}
			continue
		}
		if err != nil || got != netip.MustParsePrefix(c.want) {
			t.Errorf("%s: got %s, %v; want %s", c.why, got, err, c.want)
		}
	}
}

func TestSharesComeBack(t *testing.T) {
	p, err := newPool(netip.MustParsePrefix("10.42.0.0/22"), 24)
	if err != nil {
		t.Fatal(err)
	}
	next := func() string {
		share, err := p.free()
		if err != nil {
			return ""
		}
		p.take(share)
		return share.String()
	}
	for i := range 4 {
		if got, want := next(), fmt.Sprintf("10.42.%d.0/24", i); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := next(); got != "" {
		t.Errorf("got %s of an exhausted network", got)
	}
	p.take(netip.MustParsePrefix("10.42.2.0/24")) // by the node that it was given to
	p.give(netip.MustParsePrefix("10.42.2.0/24"))
	if got := next(); got != "" {
		t.Errorf("got %s, which a node has", got)
	}
	p.give(netip.MustParsePrefix("10.42.2.0/24"))
	p.give(netip.MustParsePrefix("10.42.1.0/24"))
	if got := next() + " " + next(); got != "10.42.1.0/24 10.42.2.0/24" {
		t.Errorf("got %s", got)
	}
	p.take(netip.MustParsePrefix("10.0.0.0/8"))
	p.give(netip.MustParsePrefix("10.42.0.0/24"))
	if got := next(); got != "" {
		t.Errorf("got %s inside of a larger prefix", got)
	}
	p.give(netip.MustParsePrefix("10.0.0.0/8"))
	if got := next(); got != "10.42.0.0/24" {
		t.Errorf("got %s", got)
	}
}
