package route

import (
	"net/netip"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	cloudprovider "k8s.io/cloud-provider"
	cloudfake "k8s.io/cloud-provider/fake"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

func TestRoutes(t *testing.T) {
	node := func(name string, cidrs ...string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)}, Spec: corev1.NodeSpec{PodCIDRs: cidrs}}
	}
	cloud := &cloudfake.Cloud{RouteMap: map[string]*cloudfake.Route{}}
	routes, _ := cloud.Routes()
	for name, r := range map[string]*cloudprovider.Route{
		"right": {TargetNode: "raft", DestinationCIDR: "10.42.1.0/24"}, "wreck": {TargetNode: "wreck", DestinationCIDR: "10.42.9.0/24"}, "another's": {TargetNode: "wreck", DestinationCIDR: "192.0.2.0/24"},
	} {
		if err := routes.CreateRoute(t.Context(), "test", name, r); err != nil {
			t.Fatal(err)
		}
	}
	api := fake.NewClientBuilder().WithObjects(node("boat", "10.42.0.0/24", "fd00:42::/64"), node("raft", "10.42.1.0/24"), node("new")).Build()
	c := &Controller{
		Client: api, Recorder: record.NewFakeRecorder(9), Routes: routes, Clock: &testingclock.FakePassiveClock{}, ClusterName: "test",
		ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.42.0.0/16")},
	}
	for range 2 {
		if _, err := c.Reconcile(t.Context(), reconcile.Request{}); err != nil {
			t.Fatal(err)
		}
	}
	all, err := routes.ListRoutes(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range all {
		got = append(got, string(r.TargetNode)+" "+r.DestinationCIDR)
	}
	slices.Sort(got)
	if want := []string{"boat 10.42.0.0/24", "boat fd00:42::/64", "raft 10.42.1.0/24", "wreck 192.0.2.0/24"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	for name, want := range map[string]string{"boat": "False", "raft": "False", "new": ""} {
		n, condition := &corev1.Node{}, ""
		if err := api.Get(t.Context(), client.ObjectKey{Name: name}, n); err != nil {
			t.Fatal(err)
		}
		for _, c := range n.Status.Conditions {
			condition += string(c.Status)
		}
		if condition != want {
			t.Errorf("%s: NetworkUnavailable is %q, want %q", name, condition, want)
		}
	}
}
