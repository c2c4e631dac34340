package nodeipam

import (
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
		var used []netip.Prefix
		for _, text := range c.used {
			used = append(used, netip.MustParsePrefix(text))
		}
		got, err := free(netip.MustParsePrefix(c.network), c.bits, used)
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
