package devicetainteviction

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

func newMetrics(to prometheus.Registerer) *kit.Evictions {
	return kit.NewEvictions(to, "device_taint_eviction_controller", "DeviceTaintEvictionController",
		"Latency, in seconds, between the time when a device taint effect has been activated and a Pod's deletion via DeviceTaintEvictionController.")
}
