package tainteviction

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

func newMetrics(to prometheus.Registerer) *kit.Evictions {
	return kit.NewEvictions(to, "taint_eviction_controller", "TaintEvictionController",
		"Latency, in seconds, between the time when a taint effect has been activated for the Pod and its deletion via TaintEvictionController.")
}
