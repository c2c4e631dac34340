package endpointslicemirroring

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/controllers/endpointslice"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

const prefix = "endpoint_slice_mirroring_controller_"

// metrics are what the controller counts beyond what it shares with that of Services. Nil counts nothing.
type metrics struct {
	clock                      clock.PassiveClock
	updated, skipped, duration prometheus.Histogram
}

func newMetrics(to prometheus.Registerer, clk clock.PassiveClock) *metrics {
	histogram := func(name, help string, buckets []float64) prometheus.Histogram {
		return kit.Collect(to, prometheus.NewHistogram(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: buckets}))
	}
	return &metrics{
		clock:   clk,
		updated: histogram("endpoints_updated_per_sync", "Number of endpoints updated on each Endpoints sync", prometheus.ExponentialBuckets(2, 2, 15)),
		skipped: histogram("addresses_skipped_per_sync", "Number of addresses skipped on each Endpoints sync due to being invalid or exceeding MaxEndpointsPerSubset",
			prometheus.ExponentialBuckets(2, 2, 15)),
		duration: histogram("endpoints_sync_duration", "How long it takes to look at Endpoints, in seconds", prometheus.ExponentialBuckets(0.001, 2, 15)),
	}
}

// began starts the clock of a look at Endpoints, which what it returns stops.
func (m *metrics) began() (ended func()) {
	if m == nil {
		return func() {}
	}
	since := m.clock.Now()
	return func() { m.duration.Observe(m.clock.Since(since).Seconds()) }
}

// planned notes what a look at Endpoints comes to.
func (m *metrics) planned(plan *endpointslice.Plan, skipped int) {
	if m != nil {
		m.updated.Observe(float64(plan.Updated))
		m.skipped.Observe(float64(skipped))
	}
}
