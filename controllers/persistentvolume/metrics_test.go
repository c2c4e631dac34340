package persistentvolume

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestCounts(t *testing.T) {
	f := newFixture(t, claim("a", "1Gi", ptr.To("")), claim("b", "9Gi", ptr.To("")), pv("v", "1Gi", ""), ebs("w", corev1.PersistentVolumeReclaimRetain, nil))
	f.settles()
	registry := prometheus.NewRegistry()
	registry.MustRegister(counts{f.client})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			line := family.GetName()
			for _, label := range metric.GetLabel() {
				line += fmt.Sprintf(" %s=%q", label.GetName(), label.GetValue())
			}
			got = append(got, fmt.Sprint(line, " ", metric.GetGauge().GetValue()))
		}
	}
	slices.Sort(got)
	want := []string{
		`pv_collector_bound_pv_count storage_class="" 1`,
		`pv_collector_bound_pvc_count namespace="default" storage_class="" volume_attributes_class="" 1`,
		`pv_collector_total_pv_count plugin_name="N/A" volume_mode="Filesystem" 2`,
		`pv_collector_unbound_pv_count storage_class="" 1`,
		`pv_collector_unbound_pvc_count namespace="default" storage_class="" volume_attributes_class="" 1`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
