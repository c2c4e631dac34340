package metrics

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Checks are what /metrics/slis shows of the checks of health: how each ended last, and how often how.
type Checks struct {
	registry *prometheus.Registry
	last     *prometheus.GaugeVec
	total    *prometheus.CounterVec
}

// NewChecks returns metrics of checks that were never made.
func NewChecks() *Checks {
	c := &Checks{
		registry: prometheus.NewRegistry(),
		last:     gauges("kubernetes_healthcheck", "How a check ended last: 1 for well.", "name", "type"),
		total:    counters("kubernetes_healthchecks_total", "Checks, by how they ended.", "name", "type", "status"),
	}
	c.registry.MustRegister(c.last, c.total)
	return c
}

// Observe counts a check of healthz, livez or readyz.
func (c *Checks) Observe(of, name string, err error) {
	value, status := 1.0, "success"
	if err != nil {
		value, status = 0, "error"
	}
	c.last.WithLabelValues(name, of).Set(value)
	c.total.WithLabelValues(name, of, status).Inc()
}

// Handler answers with all of it.
func (c *Checks) Handler() http.Handler {
	return promhttp.HandlerFor(Levelled(c.registry), promhttp.HandlerOpts{})
}
