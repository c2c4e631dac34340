package attachdetach

import (
	"os"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// What was seen of kube-controller-manager v1.36.3: a volume that is asked for counts as attached at once.
func TestTotals(t *testing.T) {
	data, err := os.ReadFile("testdata/in-tree.yaml")
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(objects(t, data)...)
	registry := prometheus.NewRegistry()
	registry.MustRegister(totals{b.Controller})
	states := func() (all []string) {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, family := range families {
			for _, metric := range family.GetMetric() {
				if name := metric.GetLabel()[0].GetValue(); name != "kubernetes.io/csi:ebs.csi.aws.com" || metric.GetGauge().GetValue() != 1 {
					t.Errorf("%s %v", family.GetName(), metric)
				}
				all = append(all, metric.GetLabel()[1].GetValue())
			}
		}
		return all
	}
	if got := states(); !slices.Equal(got, []string{"desired_state_of_world"}) {
		t.Errorf("before it is attached: %v", got)
	}
	b.turn(t, "n1")
	if got := states(); !slices.Equal(got, []string{"actual_state_of_world", "desired_state_of_world"}) {
		t.Errorf("when it is attached: %v", got)
	}
}
