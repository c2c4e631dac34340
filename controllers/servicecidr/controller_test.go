package servicecidr

import (
	"testing"
	"time"

	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
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

// A Service that was being made when the ServiceCIDR was deleted keeps it, though its address shows only later.
func TestStaysUntilAddressesShow(t *testing.T) {
	now := clocktesting.NewFakePassiveClock(time.Unix(1000, 0))
	cidr := &networkingv1.ServiceCIDR{
		ObjectMeta: metav1.ObjectMeta{Name: "more", UID: "more", Finalizers: []string{finalizer}, DeletionTimestamp: &metav1.Time{Time: now.Now()}},
		Spec:       networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.99.0.0/28"}},
	}
	c := &Controller{Client: fake.NewClientBuilder().WithObjects(cidr).WithStatusSubresource(cidr).Build(), Clock: now}
	turn := func() time.Duration {
		t.Helper()
		if err := c.Client.Get(t.Context(), client.ObjectKeyFromObject(cidr), cidr); err != nil {
			t.Fatal(err)
		}
		result, err := c.Reconcile(t.Context(), cidr)
		if err != nil {
			t.Fatal(err)
		}
		return result.RequeueAfter
	}
	if wait := turn(); wait != settling {
		t.Errorf("it waits for %s", wait)
	}
	late := &networkingv1.IPAddress{ObjectMeta: metav1.ObjectMeta{Name: "10.99.0.5"}}
	if err := c.Client.Create(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	now.SetTime(now.Now().Add(settling))
	turn()
	if err := c.Client.Get(t.Context(), client.ObjectKeyFromObject(cidr), cidr); err != nil || len(cidr.Status.Conditions) != 1 {
		t.Errorf("it does not say why it stays: %v %v", err, cidr.Status.Conditions)
	}
	if err := c.Client.Delete(t.Context(), late); err != nil {
		t.Fatal(err)
	}
	turn()
	if err := c.Client.Get(t.Context(), client.ObjectKeyFromObject(cidr), cidr); !apierrors.IsNotFound(err) {
		t.Errorf("it stays: %v", err)
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
