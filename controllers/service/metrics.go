package service

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// metrics are what the controller counts. Nil counts nothing.
type metrics struct {
	syncs, nodeErrors prometheus.Counter
	hosts             prometheus.Histogram
	clock             clock.PassiveClock
}

func newMetrics(to prometheus.Registerer, clk clock.PassiveClock) *metrics {
	const prefix = "service_controller_"
	counter := func(name, help string) prometheus.Counter {
		return kit.Collect(to, prometheus.NewCounter(prometheus.CounterOpts{Name: prefix + name, Help: help}))
	}
	return &metrics{
		clock:      clk,
		syncs:      counter("loadbalancer_sync_total", "The number of times that a load balancer has been configured, for its Service or for nodes"),
		nodeErrors: counter("nodesync_error_total", "The number of times that a load balancer could not be configured for other nodes"),
		hosts: kit.Collect(to, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "update_loadbalancer_host_latency_seconds", Help: "How long it takes to tell a load balancer of other nodes", Buckets: prometheus.ExponentialBuckets(1, 2, 15),
		})),
	}
}

// configured counts that a provider was asked for a load balancer.
func (m *metrics) configured() {
	if m != nil {
		m.syncs.Inc()
	}
}

// update counts that it is told of other nodes.
func (m *metrics) update(tell func() error) error {
	if m == nil {
		return tell()
	}
	began := m.clock.Now()
	err := tell()
	m.syncs.Inc()
	m.hosts.Observe(m.clock.Since(began).Seconds())
	if err != nil {
		m.nodeErrors.Inc()
	}
	return err
}
