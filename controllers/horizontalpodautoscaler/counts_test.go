package horizontalpodautoscaler

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestCounts(t *testing.T) {
	registry := prometheus.NewRegistry()
	f := newFixture(t, 3, cpu(50), nil)
	f.counts = newCounts(registry)
	registry.MustRegister(number{f.Client})
	f.looks()
	f.use(750)
	f.looks()
	f.metrics.pods = nil
	f.looks()
	want := map[string]float64{prefix + "num_horizontal_pod_autoscalers": 1}
	for _, labels := range []string{"none,none", "scale_up,none", "none,internal"} {
		want[prefix+"reconciliations_total{"+labels+"}"], want[prefix+"reconciliation_duration_seconds{"+labels+"}"] = 1, 1
		want[prefix+"metric_computation_total{"+labels+",Resource}"], want[prefix+"metric_computation_duration_seconds{"+labels+",Resource}"] = 1, 1
	}
	if diff := cmp.Diff(want, fuzzing.Metrics(t, registry)); diff != "" {
		t.Error(diff)
	}
}
