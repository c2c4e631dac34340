package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Why something that was remembered of nodes is forgotten.
const (
	// NodesChanged are nodes that came or went: what was remembered is by their places.
	NodesChanged = "nodes_changed"
	// Crowded is one kind of pods too many: what was used the longest ago goes.
	Crowded = "crowded_out"
)

// more are metrics of what is remembered between attempts, of pods that waited long, and of devices.
type more struct {
	batches, flushes, readied *prometheus.CounterVec
	hints, stores, readying   *prometheus.HistogramVec
	afterFlush                prometheus.Counter
}

func newMore() more {
	micros := prometheus.ExponentialBuckets(0.00001, 2, 12)
	return more{
		batches: counters("batch_attempts_total", "Counts of results when we attempt to use batching: whether anything was remembered of nodes for a pod that asks the same of them.", "profile", "result"),
		flushes: counters("batch_cache_flushed_total", "Counts of cache flushes by reason.", "profile", "reason"),
		hints:   histograms("get_node_hint_duration_seconds", "Latency for getting a node hint.", micros, "hinted", "profile"),
		stores:  histograms("store_schedule_results_duration_seconds", "Latency for making room for what is remembered of nodes.", micros, "profile"),
		readied: counters("dra_bindingconditions_allocations_total", "Number of allocations using devices with BindingConditions, counted per driver per scheduling attempt.", "driver", "profile", "status"),
		readying: histograms("dra_bindingconditions_wait_duration_seconds", "Time in seconds spent waiting for BindingConditions to be satisfied during PreBind.",
			prometheus.ExponentialBuckets(0.1, 2, 14), "driver", "profile", "status"),
		afterFlush: prometheus.NewCounter(prometheus.CounterOpts{
			Subsystem: subsystem, Name: "pod_scheduled_after_flush_total",
			Help: "Number of pods that were successfully scheduled after being flushed from unschedulablePods due to timeout.",
		}),
	}
}

func (m *more) all() []prometheus.Collector {
	return []prometheus.Collector{m.batches, m.flushes, m.hints, m.stores, m.readied, m.readying, m.afterFlush}
}

// Recalled counts an attempt for which something was remembered of nodes, or nothing, and how long it took to see.
func (m *Metrics) Recalled(profile string, known bool, took time.Duration) {
	if m == nil {
		return
	}
	result, hinted := "no_hint", "no_hint"
	if known {
		result, hinted = "hint_used", "hint"
	} else {
		m.stores.WithLabelValues(profile).Observe(took.Seconds())
	}
	m.batches.WithLabelValues(profile, result).Inc()
	m.hints.WithLabelValues(hinted, profile).Observe(took.Seconds())
}

// Flushed counts what was remembered for pods of one kind and is forgotten.
func (m *Metrics) Flushed(profile, reason string) {
	if m != nil {
		m.flushes.WithLabelValues(profile, reason).Inc()
	}
}

// Readied counts devices of these drivers that a pod waited for, until they were ready or not.
func (m *Metrics) Readied(profile string, drivers []string, status string, took time.Duration) {
	if m == nil {
		return
	}
	for _, driver := range drivers {
		m.readied.WithLabelValues(driver, profile, status).Inc()
		m.readying.WithLabelValues(driver, profile, status).Observe(took.Seconds())
	}
}

// BoundAfterFlush counts a pod that was bound once it was tried again for the time that had passed alone.
func (m *Metrics) BoundAfterFlush() {
	if m != nil {
		m.afterFlush.Inc()
	}
}
