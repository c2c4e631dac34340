package ipaddressrepair

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	clocktesting "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func service(name string, addresses ...string) *corev1.Service {
	return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}, Spec: corev1.ServiceSpec{ClusterIPs: addresses}}
}

func made(name, address string, age time.Duration) *networkingv1.IPAddress {
	o := addressOf(service(name), address)
	o.CreationTimestamp = metav1.NewTime(fuzzing.Now().Add(-age))
	return o
}

func foreign(address string) *networkingv1.IPAddress {
	o := made("nobody", address, time.Hour)
	o.Labels = nil
	return o
}

var cidr = &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "kubernetes"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.43.0.0/16", "fd00::/108"}}}

// What is stored, what is there after everything has been looked at once, and what is said of it.
func TestRepairs(t *testing.T) {
	for name, c := range map[string]struct {
		stored []client.Object
		want   []string // addresses and their services
		says   []string
	}{
		"nothing":  {[]client.Object{service("a", "10.43.0.7"), made("a", "10.43.0.7", 0)}, []string{"10.43.0.7 a"}, nil},
		"headless": {[]client.Object{service("a", "None")}, nil, nil},
		"missing": {[]client.Object{service("a", "10.43.0.7", "fd00::7")}, []string{"10.43.0.7 a", "fd00::7 a"}, []string{
			"Warning ClusterIPNotAllocated Cluster IP [IPv4]: 10.43.0.7 is not allocated; repairing",
			"Warning ClusterIPNotAllocated Cluster IP [IPv6]: fd00::7 is not allocated; repairing",
		}},
		"out of range": {[]client.Object{service("a", "10.44.0.7")}, nil, []string{
			"Warning ClusterIPOutOfRange Cluster IP [IPv4]: 10.44.0.7 is not within any configured Service CIDR; please recreate service",
		}},
		"two services": {[]client.Object{service("a", "10.43.0.7"), service("b", "10.43.0.7"), made("b", "10.43.0.7", 0)}, []string{"10.43.0.7 b"}, []string{
			"Warning ClusterIPAlreadyAllocated Cluster IP [IPv4]: 10.43.0.7 was assigned to multiple services; please recreate service",
		}},
		"leaked": {[]client.Object{made("a", "10.43.0.7", time.Hour)}, nil, []string{
			"Warning IPAddressNotAllocated IPAddress: 10.43.0.7 for Service default/a appears to have leaked: cleaning up",
		}},
		"leaked a moment ago": {[]client.Object{made("a", "10.43.0.7", time.Second)}, []string{"10.43.0.7 a"}, nil},
		"somebody else's":     {[]client.Object{foreign("10.43.0.7")}, []string{"10.43.0.7 nobody"}, nil},
		"of a service that has another": {[]client.Object{service("a", "10.43.0.8"), made("a", "10.43.0.8", 0), made("a", "10.43.0.7", 0)}, []string{"10.43.0.8 a"}, []string{
			"Warning IPAddressWrongReference IPAddress: 10.43.0.7 for Service default/a has a wrong reference; cleaning up",
		}},
		"in the name of one that is gone": {[]client.Object{service("a", "10.43.0.7"), made("ghost", "10.43.0.7", time.Hour)}, []string{"10.43.0.7 a"}, []string{
			"Warning IPAddressNotAllocated IPAddress: 10.43.0.7 for Service default/ghost appears to have leaked: cleaning up",
			"Warning ClusterIPNotAllocated Cluster IP [IPv4]: 10.43.0.7 is not allocated; repairing",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			api := fake.NewClientBuilder().WithObjects(append(c.stored, cidr)...).Build()
			recorder := record.NewFakeRecorder(10)
			services := &Services{Client: api, Live: api, Recorder: recorder}
			spares := &Addresses{Client: api, Live: api, Recorder: recorder, Clock: clocktesting.NewFakePassiveClock(fuzzing.Now()), Services: services}
			for _, o := range c.stored {
				var err error
				switch o := o.(type) {
				case *corev1.Service:
					_, err = services.Reconcile(t.Context(), o)
				case *networkingv1.IPAddress:
					_, err = spares.Reconcile(t.Context(), o)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			list, got := &networkingv1.IPAddressList{}, []string(nil)
			if err := api.List(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			for _, o := range list.Items {
				got = append(got, o.Name+" "+o.Spec.ParentRef.Name)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("addresses -want +got:\n%s", diff)
			}
			close(recorder.Events)
			var says []string
			for said := range recorder.Events {
				says = append(says, said)
			}
			if diff := cmp.Diff(c.says, says); diff != "" {
				t.Errorf("events -want +got:\n%s", diff)
			}
		})
	}
}

// Another server may know a ServiceCIDR, and have given a Service an address of it, before the cache shows it.
func TestSaysNothingOfARangeThatTheCacheDoesNotShow(t *testing.T) {
	s, more := service("a", "10.99.0.7"), &networkingv1.ServiceCIDR{ObjectMeta: metav1.ObjectMeta{Name: "more"}, Spec: networkingv1.ServiceCIDRSpec{CIDRs: []string{"10.99.0.0/28"}}}
	stored := []client.Object{s, made("a", "10.99.0.7", 0), cidr}
	recorder := record.NewFakeRecorder(10)
	services := &Services{
		Client: fake.NewClientBuilder().WithObjects(stored...).Build(), Live: fake.NewClientBuilder().WithObjects(append(stored, more)...).Build(), Recorder: recorder,
	}
	if _, err := services.Reconcile(t.Context(), s); err != nil {
		t.Fatal(err)
	}
	if len(recorder.Events) > 0 {
		t.Error(<-recorder.Events)
	}
}

func TestAnyObject(t *testing.T) {
	api := fake.NewClientBuilder().Build()
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		s, a, r := &corev1.Service{}, &networkingv1.IPAddress{}, &networkingv1.ServiceCIDR{}
		for _, o := range []any{s, a, r} {
			fill.Fill(o)
		}
		addresses(s)
		contains(r, strings.Join(addresses(s), ""))
		parent(a)
		holder(t.Context(), a)
		held(t.Context(), s)
		recorder := record.NewFakeRecorder(10)
		services := &Services{Client: api, Live: api, Recorder: recorder}
		if _, err := services.Reconcile(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	})
}
