package servicecidr

import "testing"

func TestCovers(t *testing.T) {
	for _, c := range []struct {
		cidrs   []string
		address string
		want    bool
	}{
		{[]string{"10.43.0.0/16"}, "10.43.7.1", true},
		{[]string{"10.43.0.0/16"}, "10.44.0.1", false},
		{[]string{"10.43.0.0/16", "fd00::/108"}, "fd00::1", true},
		{nil, "10.43.0.1", false},
	} {
		if got := covers(c.cidrs, c.address); got != c.want {
			t.Errorf("%v cover %s: %t", c.cidrs, c.address, got)
		}
	}
}
