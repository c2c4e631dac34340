package nodeipam

import (
	"net/netip"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Whoever has read a node before it got its network, and writes to it after, gives it no other one.
func TestAnOldNodeGetsNoSecondNetwork(t *testing.T) {
	network, err := newPool(netip.MustParsePrefix("10.42.0.0/16"), 24)
	if err != nil {
		t.Fatal(err)
	}
	c := &Controller{pools: []*pool{network}, nodes: map[string]*holding{}}
	old := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "boat"}}
	c.saw(old)
	given := c.change(old)
	if given.Spec["podCIDR"] != "10.42.0.0/24" {
		t.Fatalf("given %v", given.Spec)
	}
	now := old.DeepCopy()
	now.Spec.PodCIDR, now.Spec.PodCIDRs = "10.42.0.0/24", []string{"10.42.0.0/24"}
	c.saw(now)
	if again := c.change(old); again.Spec != nil {
		t.Errorf("given %v as well", again.Spec)
	}
	if free, err := network.free(); err != nil || free.String() != "10.42.1.0/24" {
		t.Errorf("the next share is %s, %v", free, err)
	}
}
