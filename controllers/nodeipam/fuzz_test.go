package nodeipam

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	network, err := newPool(netip.MustParsePrefix("10.42.0.0/16"), 24)
	if err != nil {
		t.Fatal(err)
	}
	c := &Controller{pools: []*pool{network}, nodes: map[string]*holding{}}
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		node := &corev1.Node{}
		fill.Fill(node)
		c.saw(node)
		c.freed(node.Name)
	})
}
