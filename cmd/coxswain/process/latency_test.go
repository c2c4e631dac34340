package process

import (
	"net/url"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func TestLatencyOfClients(t *testing.T) {
	l, registry := newClientLatency(), prometheus.NewRegistry()
	registry.MustRegister(l)
	l.Observe(t.Context(), "GET", url.URL{Host: "h:1", Path: "/api"}, 20*time.Millisecond)
	families, err := registry.Gather()
	if err != nil || len(families) != 1 || families[0].GetName() != "rest_client_request_duration_seconds" {
		t.Fatalf("%v: %v", families, err)
	}
	histogram := families[0].GetMetric()[0].GetHistogram()
	if histogram.GetSampleCount() != 1 || histogram.GetBucket()[1].GetCumulativeCount() != 1 || histogram.GetBucket()[0].GetCumulativeCount() != 0 {
		t.Errorf("counted %v", histogram)
	}
}
