package kit

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Evictions are what a controller counts that deletes pods because of taints. Nil counts nothing.
type Evictions struct {
	deletions prometheus.Counter
	latency   prometheus.Histogram
}

// NewEvictions has evictions shown by names that begin with prefix. The help of their latency is the caller's.
func NewEvictions(to prometheus.Registerer, prefix, controller, latency string) *Evictions {
	return &Evictions{
		deletions: Collect(to, prometheus.NewCounter(prometheus.CounterOpts{
			Name: prefix + "_pod_deletions_total", Help: "Total number of Pods deleted by " + controller + " since its start.",
		})),
		latency: Collect(to, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "_pod_deletion_duration_seconds", Buckets: []float64{0.005, 0.025, 0.1, 0.5, 1, 2.5, 10, 30, 60, 120, 180, 240}, Help: latency,
		})),
	}
}

// Deleted counts a pod that was deleted so long after its time was over.
func (e *Evictions) Deleted(late time.Duration) {
	if e != nil {
		e.deletions.Inc()
		e.latency.Observe(late.Seconds())
	}
}
