package kms

import (
	"crypto/sha256"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"
)

// Metrics of all plugins, by upstream's names.
type Metrics struct {
	clock    clock.PassiveClock
	identity string

	operations *prometheus.HistogramVec
	used       *prometheus.CounterVec
	usedLast   *prometheus.GaugeVec
	statusLast *prometheus.GaugeVec
	invalid    *prometheus.CounterVec
	sources    *prometheus.GaugeVec
}

// NewMetrics returns those of the server with that name, which is shown hashed.
func NewMetrics(server string, c clock.PassiveClock) *Metrics {
	const prefix = "apiserver_envelope_encryption_"
	key := []string{"transformation_type", "provider_name", "key_id_hash", "apiserver_id_hash"}
	return &Metrics{
		clock: c, identity: Hash(server),
		operations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: prefix + "kms_operations_latency_seconds", Help: "KMS operation duration with gRPC error code status total.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2, 20),
		}, []string{"provider_name", "method_name", "grpc_status_code"}),
		used: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "key_id_hash_total", Help: "Number of times a keyID is used split by transformation type, provider, and apiserver identity.",
		}, key),
		usedLast: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "key_id_hash_last_timestamp_seconds", Help: "The last time in seconds when a keyID was used.",
		}, key),
		statusLast: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "key_id_hash_status_last_timestamp_seconds", Help: "The last time in seconds when a keyID was returned by the Status RPC call.",
		}, key[1:]),
		invalid: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: prefix + "invalid_key_id_from_status_total", Help: "Number of times an invalid keyID is returned by the Status RPC call split by error.",
		}, []string{"provider_name", "error"}),
		sources: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: prefix + "dek_source_cache_size",
			Help: "Number of records in data encryption key (DEK) source cache. On a restart, this value is an approximation of the number of decrypt RPC calls the server will make to the KMS plugin.",
		}, []string{"provider_name"}),
	}
}

// Hash is how names are shown that nobody is to read.
func Hash(text string) string {
	if text == "" {
		return ""
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text)))
}

// Collectors are all of them.
func (m *Metrics) Collectors() []prometheus.Collector {
	return []prometheus.Collector{m.operations, m.used, m.usedLast, m.statusLast, m.invalid, m.sources}
}

// meter counts what is done with one key; it is made once for each key, for the hash is not for free.
type meter struct {
	count prometheus.Counter
	last  prometheus.Gauge
	clock clock.PassiveClock
}

func (m *Metrics) meter(transformation, provider, keyID string) meter {
	labels := []string{transformation, provider, Hash(keyID), m.identity}
	return meter{count: m.used.WithLabelValues(labels...), last: m.usedLast.WithLabelValues(labels...), clock: m.clock}
}

func (m meter) note() {
	m.count.Inc()
	m.last.Set(float64(m.clock.Now().UnixNano()) / 1e9)
}

func (m *Metrics) noteStatus(provider, keyID string) {
	m.statusLast.WithLabelValues(provider, Hash(keyID), m.identity).Set(float64(m.clock.Now().UnixNano()) / 1e9)
}

func (m *Metrics) invalidKeyID(provider, keyID string) {
	reason := "too_long"
	if keyID == "" {
		reason = "empty"
	}
	m.invalid.WithLabelValues(provider, reason).Inc()
}
