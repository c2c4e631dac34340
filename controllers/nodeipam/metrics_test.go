package nodeipam

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// A share that is given and then seen on its node counts once.
func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	network, err := newPool(netip.MustParsePrefix("10.42.0.0/16"), 24)
	if err != nil {
		t.Fatal(err)
	}
	network.metrics = newMetrics(registry)
	c := &Controller{pools: []*pool{network}, nodes: map[string]*holding{}}
	registry.MustRegister(usage{c})
	c.saw(&corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "has"}, Spec: corev1.NodeSpec{PodCIDR: "10.42.0.0/24"}})
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "new"}}
	c.saw(node)
	for range 2 {
		shares, err := c.choose("new")
		if err != nil {
			t.Fatal(err)
		}
		node.Spec.PodCIDR = shares[0].String()
	}
	c.saw(node)
	c.saw(node)
	c.freed("has")
	const of = "{10.42.0.0/16}"
	want := map[string]float64{
		prefix + "cidrset_cidrs_allocations_total" + of: 2, prefix + "cidrset_cidrs_releases_total" + of: 1,
		prefix + "cidrset_allocation_tries_per_request" + of: 1, prefix + "cidrset_usage_cidrs" + of: 1.0 / 256, prefix + "cirdset_max_cidrs" + of: 256,
	}
	if diff := cmp.Diff(want, fuzzing.Metrics(t, registry)); diff != "" {
		t.Error(diff)
	}
}
