package metrics

import "github.com/prometheus/client_golang/prometheus"

// Features tells of each feature gate its stage ("ALPHA", "BETA", "" for general availability) and whether it is on.
type Features func(tell func(name, stage string, on bool))

var featureDesc = prometheus.NewDesc("kubernetes_feature_enabled", "Feature gates: 1 for one that is on.", []string{"name", "stage"}, nil)

// Describe implements prometheus.Collector.
func (f Features) Describe(to chan<- *prometheus.Desc) { to <- featureDesc }

// Collect implements prometheus.Collector.
func (f Features) Collect(to chan<- prometheus.Metric) {
	f(func(name, stage string, on bool) {
		value := 0.0
		if on {
			value = 1
		}
		to <- prometheus.MustNewConstMetric(featureDesc, prometheus.GaugeValue, value, name, stage)
	})
}
