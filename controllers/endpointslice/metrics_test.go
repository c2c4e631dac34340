package endpointslice

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/podcontrol"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, syncs := NewMetrics(registry, prefix, "Service"), newMetrics(registry)
	registry.MustRegister(m)
	a := Applier{Client: fake.NewClientBuilder().Build(), Pending: podcontrol.NewPending(), Metrics: m}
	expect := func(when string, want map[string]float64) {
		t.Helper()
		all := fuzzing.Metrics(t, registry)
		for name, value := range want {
			if got := all[prefix+name]; got != value {
				t.Errorf("%s: %s is %v, want %v", when, name, got, value)
			}
		}
	}
	send := func(plan Plan, groups ...*Group) {
		t.Helper()
		m.Planned("u", &plan, groups, 2)
		err := a.Apply(t.Context(), plan, "u")
		syncs.synced(&corev1.Service{}, &plan, err)
		if err != nil {
			t.Fatal(err)
		}
	}
	five, two := group(0, 5), group(0, 2)
	plan := Pack(nil, []*Group{five}, 2, nothing)
	for i, slice := range plan.Create {
		slice.Namespace, slice.Name = "default", string(rune('a'+i))
	}
	send(plan, five)
	expect("made", map[string]float64{
		"changes{create}": 3, "endpoints_desired": 5, "num_endpoint_slices": 3, "desired_endpoint_slices": 3, "syncs{success}": 1,
		"endpoints_added_per_sync": 1, "endpointslices_changed_per_sync{Disabled,}": 1,
	})
	fewer := Pack(plan.Create, []*Group{two}, 2, nothing)
	if fewer.Added != 0 || fewer.Removed != 3 {
		t.Errorf("%d come, %d go, want 0 and 3", fewer.Added, fewer.Removed)
	}
	send(fewer, two)
	expect("fewer", map[string]float64{"changes{create}": 3, "endpoints_desired": 2, "num_endpoint_slices": float64(3 - len(fewer.Delete)), "desired_endpoint_slices": 1})
	m.Forget("u")
	expect("gone", map[string]float64{"endpoints_desired": 0, "num_endpoint_slices": 0, "desired_endpoint_slices": 0})
}
