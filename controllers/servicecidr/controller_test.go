package servicecidr

import (
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

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

func TestAnyObject(t *testing.T) {
	c := &Controller{Client: fake.NewClientBuilder().Build()}
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		cidr, address := &networkingv1.ServiceCIDR{}, &networkingv1.IPAddress{}
		fill.Fill(cidr)
		fill.Fill(address)
		covers(cidr.Spec.CIDRs, address.Name)
		if _, err := c.needed(t.Context(), cidr); err != nil {
			t.Fatal(err)
		}
	})
}
