package encrypted

import (
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/kms"
)

// metrics of the configuration, by upstream's names.
type metrics struct {
	clock    clock.PassiveClock
	identity string
	plugins  *kms.Metrics

	info  *prometheus.GaugeVec
	total *prometheus.CounterVec
	last  *prometheus.GaugeVec
}

func newMetrics(server string, c clock.PassiveClock) *metrics {
	const prefix = "apiserver_encryption_config_controller_"
	status := []string{"status", "apiserver_id_hash"}
	return &metrics{
		clock: c, identity: kms.Hash(server), plugins: kms.NewMetrics(server, c),
		info: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "last_config_info", Help: "Information about the last applied encryption configuration with hash as label, split by apiserver identity.",
		}, []string{"apiserver_id_hash", "hash"}),
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "automatic_reloads_total", Help: "Total number of reload successes and failures of encryption configuration split by apiserver identity.",
		}, status),
		last: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "automatic_reload_last_timestamp_seconds",
			Help: "Timestamp of the last successful or failed automatic reload of encryption configuration split by apiserver identity.",
		}, status),
	}
}

// Collectors are all metrics of encryption at rest.
func (k *Keeper) Collectors() []prometheus.Collector {
	return append(k.metrics.plugins.Collectors(), k.metrics.info, k.metrics.total, k.metrics.last)
}

func (m *metrics) applied(hash string) {
	m.info.Reset()
	m.info.WithLabelValues(m.identity, hash).Set(1)
}

func (m *metrics) reloaded(err error) {
	status := "success"
	if err != nil {
		status = "failure"
	}
	m.total.WithLabelValues(status, m.identity).Inc()
	m.last.WithLabelValues(status, m.identity).Set(float64(m.clock.Now().UnixNano()) / 1e9)
}
