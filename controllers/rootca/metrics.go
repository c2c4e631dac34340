package rootca

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// metrics are what the controller counts. Nil counts nothing.
type metrics struct {
	syncs    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(to prometheus.Registerer) *metrics {
	const help = "Number of namespace syncs happened in root ca cert publisher."
	return &metrics{
		syncs: kit.Counters(to, "root_ca_cert_publisher_sync_total", help, "code"),
		duration: kit.Histograms(to, prometheus.HistogramOpts{
			Name: "root_ca_cert_publisher_sync_duration_seconds", Help: help, Buckets: prometheus.ExponentialBuckets(0.001, 2, 15),
		}, "code"),
	}
}

// synced counts a look at a namespace by what the API answered.
func (m *metrics) synced(took time.Duration, err error) {
	if m == nil {
		return
	}
	code := "200"
	if err != nil {
		code = "500"
		if status := apierrors.APIStatus(nil); errors.As(err, &status) {
			code = strconv.Itoa(int(status.Status().Code))
		}
	}
	m.syncs.WithLabelValues(code).Inc()
	m.duration.WithLabelValues(code).Observe(took.Seconds())
}
