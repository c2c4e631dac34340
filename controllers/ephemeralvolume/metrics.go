package ephemeralvolume

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// metrics are what the controller counts. Nil counts nothing.
type metrics struct{ creates, failures prometheus.Counter }

func newMetrics(to prometheus.Registerer) *metrics {
	counter := func(name string) prometheus.Counter {
		return kit.Collect(to, prometheus.NewCounter(prometheus.CounterOpts{Name: "ephemeral_volume_controller_" + name, Help: "Number of PersistentVolumeClaim creation requests"}))
	}
	return &metrics{creates: counter("create_total"), failures: counter("create_failures_total")}
}

// asked counts a claim that the API was asked to make.
func (m *metrics) asked(err error) {
	if m == nil {
		return
	}
	m.creates.Inc()
	if err != nil {
		m.failures.Inc()
	}
}
