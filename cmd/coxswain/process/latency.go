package process

import (
	"context"
	"net/url"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	latencies "k8s.io/client-go/tools/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// clientLatency is how long requests of clients in this process take.
type clientLatency struct{ *prometheus.HistogramVec }

func newClientLatency() clientLatency {
	return clientLatency{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "rest_client_request_duration_seconds", Help: "How long requests of clients took, by verb and host.",
		Buckets: []float64{0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60},
	}, []string{"verb", "host"})}
}

// Observe implements the hook of client-go.
func (l clientLatency) Observe(_ context.Context, verb string, u url.URL, took time.Duration) {
	l.WithLabelValues(verb, u.Host).Observe(took.Seconds())
}

// MeasureClients has client-go tell. It has one hook for the whole process, so that this is done once, before there are clients.
func MeasureClients() {
	l := newClientLatency()
	if metrics.Registry.Register(l) == nil {
		latencies.RequestLatency = l
	}
}
