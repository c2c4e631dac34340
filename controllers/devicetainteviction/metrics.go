package devicetainteviction

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// metrics are what the controller counts. Nil counts nothing.
type metrics struct {
	deletions prometheus.Counter
	latency   prometheus.Histogram
}

func newMetrics(to prometheus.Registerer) *metrics {
	const prefix = "device_taint_eviction_controller_"
	return &metrics{
		deletions: kit.Collect(to, prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "pod_deletions_total", Help: "Total number of Pods deleted by DeviceTaintEvictionController since its start.",
		})),
		latency: kit.Collect(to, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "pod_deletion_duration_seconds", Buckets: []float64{0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240},
			Help: "Latency, in seconds, between the time when a device taint effect has been activated and a Pod's deletion via DeviceTaintEvictionController.",
		})),
	}
}

// deleted counts a pod that was deleted so long after its time was over.
func (m *metrics) deleted(late time.Duration) {
	if m != nil {
		m.deletions.Inc()
		m.latency.Observe(late.Seconds())
	}
}
