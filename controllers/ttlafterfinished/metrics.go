package ttlafterfinished

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// metrics are what the controller measures. Nil measures nothing.
type metrics struct{ late prometheus.Histogram }

func newMetrics(to prometheus.Registerer) *metrics {
	return &metrics{kit.Collect(to, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "ttl_after_finished_controller_job_deletion_duration_seconds", Buckets: prometheus.ExponentialBuckets(0.1, 2, 14),
		Help: "The time it took to delete the job since it became eligible for deletion",
	}))}
}

func (m *metrics) deleted(late time.Duration) {
	if m != nil {
		m.late.Observe(late.Seconds())
	}
}
