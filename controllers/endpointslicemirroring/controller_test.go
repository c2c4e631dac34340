package endpointslicemirroring

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

// Of each subset so many addresses are mirrored, and it is said how many are not: once, though it is counted each time.
func TestTooManyAddresses(t *testing.T) {
	registry := prometheus.NewRegistry()
	address := func(ips string) (all []corev1.EndpointAddress) {
		for ip := range strings.FieldsSeq(ips) {
			all = append(all, corev1.EndpointAddress{IP: ip})
		}
		return all
	}
	meta := metav1.ObjectMeta{Namespace: "default", Name: "m", UID: "u"}
	endpoints := &corev1.Endpoints{ObjectMeta: meta, Subsets: []corev1.EndpointSubset{
		{Addresses: address("192.0.2.1 192.0.2.2 none 192.0.2.3"), NotReadyAddresses: address("192.0.2.4"), Ports: []corev1.EndpointPort{{Port: 80}}},
		{Addresses: address("192.0.2.005"), Ports: []corev1.EndpointPort{{Port: 80}}},
	}}
	api := fake.NewClientBuilder().WithObjects(&corev1.Service{ObjectMeta: meta}, endpoints).Build()
	recorder := record.NewFakeRecorder(10)
	c := &Controller{Client: api, Recorder: recorder, Pending: podcontrol.NewPending(), MaxEndpoints: 2, syncs: newMetrics(registry, clock.RealClock{})}
	for range 2 {
		if _, err := c.Reconcile(t.Context(), endpoints); err != nil {
			t.Fatal(err)
		}
		var list discoveryv1.EndpointSliceList
		if err := api.List(t.Context(), &list); err != nil {
			t.Fatal(err)
		}
		var got []string
		for i := range list.Items {
			c.Pending.Observe(&list.Items[i])
			for _, ep := range list.Items[i].Endpoints {
				got = append(got, ep.Addresses...)
			}
		}
		if got := strings.Join(got, " "); got != "192.0.2.1 192.0.2.2 192.0.2.5" {
			t.Errorf("mirrored are %s", got)
		}
	}
	const want = "Warning TooManyAddressesToMirror A max of 2 addresses can be mirrored to EndpointSlices per Endpoints subset. 3 addresses were skipped"
	if got := <-recorder.Events; got != want || len(recorder.Events) > 0 {
		t.Errorf("%s, and %d more; want %s", got, len(recorder.Events), want)
	}
	for name, want := range map[string]float64{"addresses_skipped_per_sync": 2, "endpoints_updated_per_sync": 2, "endpoints_sync_duration": 2} {
		if got := fuzzing.Metrics(t, registry)[prefix+name]; got != want {
			t.Errorf("%s has %v, want %v", name, got, want)
		}
	}
}
