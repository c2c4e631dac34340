package audit

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// Metrics count what is recorded. The zero value counts from nothing; a nil one counts nothing.
type Metrics struct {
	// Sinks that can fail are asked how often they did.
	Sinks []Sink

	events atomic.Int64
	levels [4]atomic.Int64
}

// failures is how many events a sink could not keep.
type failures interface {
	failures() (plugin string, events int64)
}

// levels of policies, in the order in which Metrics has them.
func metricLevels() [4]auditv1.Level {
	return [4]auditv1.Level{auditv1.LevelNone, auditv1.LevelMetadata, auditv1.LevelRequest, auditv1.LevelRequestResponse}
}

func (m *Metrics) decided(level auditv1.Level) {
	if m == nil {
		return
	}
	for i, known := range metricLevels() {
		if level == known {
			m.levels[i].Add(1)
		}
	}
}

func (m *Metrics) emitted() {
	if m != nil {
		m.events.Add(1)
	}
}

type descriptions struct{ events, rejected, levels, failed *prometheus.Desc }

func describe() descriptions {
	return descriptions{
		events:   prometheus.NewDesc("apiserver_audit_event_total", "Events that were handed to those who keep them.", nil, nil),
		rejected: prometheus.NewDesc("apiserver_audit_requests_rejected_total", "Requests that were refused because they could not be recorded, which never happens.", nil, nil),
		levels:   prometheus.NewDesc("apiserver_audit_level_total", "Requests by the level at which they are recorded.", []string{"level"}, nil),
		failed:   prometheus.NewDesc("apiserver_audit_error_total", "Events that could not be kept, by what was to keep them.", []string{"plugin"}, nil),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	d := describe()
	to <- d.events
	to <- d.rejected
	to <- d.levels
	to <- d.failed
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	d := describe()
	to <- prometheus.MustNewConstMetric(d.events, prometheus.CounterValue, float64(m.events.Load()))
	to <- prometheus.MustNewConstMetric(d.rejected, prometheus.CounterValue, 0)
	for _, sink := range m.Sinks {
		if f, ok := sink.(failures); ok {
			if plugin, n := f.failures(); n > 0 {
				to <- prometheus.MustNewConstMetric(d.failed, prometheus.CounterValue, float64(n), plugin)
			}
		}
	}
	for i, level := range metricLevels() {
		if n := m.levels[i].Load(); n > 0 {
			to <- prometheus.MustNewConstMetric(d.levels, prometheus.CounterValue, float64(n), string(level))
		}
	}
}
