package garbagecollector

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// newMetrics makes the counter of times that the kinds to watch could not all be found out, or not be watched.
func newMetrics(to prometheus.Registerer) prometheus.Counter {
	return kit.Collect(to, prometheus.NewCounter(prometheus.CounterOpts{
		Name: "garbagecollector_controller_resources_sync_error_total", Help: "Number of garbage collector resources sync errors",
	}))
}
