package podsecurity

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/pod-security-admission/api"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Versions that namespaces make up are no labels of their own.
func TestMetricsOfEvaluations(t *testing.T) {
	c, a := newCounters(), &admission.Attributes{Operation: admission.Create}
	c.evaluated(a, podResource, modeEnforce, api.LevelVersion{Level: api.LevelPrivileged, Version: api.LatestVersion()}, "")
	c.evaluated(a, templateResource, modeWarn, api.LevelVersion{Level: api.LevelBaseline, Version: api.MajorMinorVersion(1, 25)}, "no")
	c.evaluated(a, podResource, modeEnforce, api.LevelVersion{Level: api.LevelBaseline, Version: api.MajorMinorVersion(1, 990)}, "no")
	c.evaluated(a, podResource, modeEnforce, api.LevelVersion{Level: api.LevelBaseline, Version: api.MajorMinorVersion(1, 991)}, "no")
	c.exempt(a, podResource)
	c.failed(a, podResource, false)
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			key := family.GetName()
			for _, label := range m.GetLabel() {
				key += fmt.Sprint(" ", label.GetValue())
			}
			got[key] = m.GetCounter().GetValue()
		}
	}
	if diff := cmp.Diff(map[string]float64{
		"pod_security_evaluations_total allow enforce privileged latest create pod ": 1,
		"pod_security_evaluations_total deny warn baseline v1.25 create controller ": 1,
		"pod_security_evaluations_total deny enforce baseline future create pod ":    2,
		"pod_security_errors_total false create pod ":                                1,
		"pod_security_exemptions_total create controller ":                           0, "pod_security_exemptions_total update controller ": 0, "pod_security_exemptions_total update pod ": 0,
		"pod_security_exemptions_total create pod ": 1,
	}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
