package cronjob

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// metrics are what the controller measures. Nil measures nothing.
type metrics struct{ skew prometheus.Histogram }

func newMetrics(to prometheus.Registerer) *metrics {
	return &metrics{kit.Collect(to, prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "cronjob_controller_job_creation_skew_duration_seconds", Buckets: prometheus.ExponentialBuckets(1, 2, 10),
		Help: "Time between when a cronjob is scheduled to be run, and when the corresponding job is created",
	}))}
}

// created notes that a job is there that late.
func (m *metrics) created(late time.Duration) {
	if m != nil {
		m.skew.Observe(late.Seconds())
	}
}
