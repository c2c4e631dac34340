package metrics

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// How an attempt ended.
const (
	Scheduled     = "scheduled"
	Unschedulable = "unschedulable"
	Failed        = "error"
)

// manyAttempts are counted as this many.
const manyAttempts = 16

// Metrics of a scheduler. Its methods are safe for concurrent use, and do nothing on nil.
type Metrics struct {
	attempts, incoming, preemptRuns            *prometheus.CounterVec
	preemptions                                prometheus.Counter
	algorithm, tries, victims                  prometheus.Histogram
	attemptTime, points, plugins, sli, permits *prometheus.HistogramVec
	events, preemptTime                        *prometheus.HistogramVec
	source                                     atomic.Pointer[func() Reading]
	more
}

var _ prometheus.Collector = &Metrics{}

// New returns metrics of a scheduler that has done nothing yet.
func New() *Metrics {
	milliseconds := prometheus.ExponentialBuckets(0.001, 2, 15)
	tenths := prometheus.ExponentialBuckets(0.0001, 2, 12)
	centiseconds := prometheus.ExponentialBuckets(0.01, 2, 20)
	return &Metrics{
		attempts: counters("schedule_attempts_total", "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, 'error' an internal problem.", "profile", "result"),
		incoming: counters("queue_incoming_pods_total", "Number of pods added to scheduling queues by event and queue type.", "event", "queue"),
		preemptions: prometheus.NewCounter(prometheus.CounterOpts{
			Subsystem: subsystem, Name: "preemption_attempts_total", Help: "Total preemption attempts in the cluster till now.",
		}),
		preemptRuns: counters("preemption_goroutines_execution_total", "Number of times that victims were evicted beside the scheduling.", "result"),
		preemptTime: histograms("preemption_goroutines_duration_seconds", "Duration in seconds of evicting victims beside the scheduling.", centiseconds, "result"),
		algorithm:   histogram("scheduling_algorithm_duration_seconds", "Scheduling algorithm latency in seconds.", milliseconds),
		tries:       histogram("pod_scheduling_attempts", "Number of attempts to successfully schedule a pod.", prometheus.ExponentialBuckets(1, 2, 5)),
		victims:     histogram("preemption_victims", "Number of selected preemption victims.", prometheus.ExponentialBuckets(1, 2, 7)),
		attemptTime: histograms("scheduling_attempt_duration_seconds", "Scheduling attempt latency in seconds (scheduling algorithm and binding).", milliseconds, "profile", "result"),
		points:      histograms("framework_extension_point_duration_seconds", "Latency for running all plugins of a specific extension point.", tenths, "extension_point", "profile", "status"),
		plugins:     histograms("plugin_execution_duration_seconds", "Duration for running a plugin at a specific extension point.", prometheus.ExponentialBuckets(0.00001, 1.5, 20), "extension_point", "plugin", "status"),
		sli:         histograms("pod_scheduling_sli_duration_seconds", "Latency for a pod being scheduled, from its first attempt, over all attempts.", centiseconds, "attempts"),
		permits:     histograms("permit_wait_duration_seconds", "Duration of waiting on permit.", milliseconds, "result"),
		events:      histograms("event_handling_duration_seconds", "Event handling latency in seconds.", tenths, "event"),
		more:        newMore(),
	}
}

// Attempt counts an attempt to schedule a pod of a profile.
func (m *Metrics) Attempt(profile, result string, took time.Duration) {
	if m == nil {
		return
	}
	m.attempts.WithLabelValues(profile, result).Inc()
	m.attemptTime.WithLabelValues(profile, result).Observe(took.Seconds())
}

// Bound counts a pod that is bound after so many attempts, the first of which began so long ago.
func (m *Metrics) Bound(attempts int, since time.Duration) {
	if m == nil {
		return
	}
	m.tries.Observe(float64(attempts))
	label := strconv.Itoa(min(attempts, manyAttempts))
	if attempts >= manyAttempts {
		label += "+"
	}
	m.sli.WithLabelValues(label).Observe(since.Seconds())
}

// Algorithm counts a search for a node that found one.
func (m *Metrics) Algorithm(took time.Duration) {
	if m != nil {
		m.algorithm.Observe(took.Seconds())
	}
}

// Point counts a run of all plugins of an extension point.
func (m *Metrics) Point(point, profile, status string, took time.Duration) {
	if m != nil {
		m.points.WithLabelValues(point, profile, status).Observe(took.Seconds())
	}
}

// Plugin counts a run of one plugin.
func (m *Metrics) Plugin(point, plugin, status string, took time.Duration) {
	if m != nil {
		m.plugins.WithLabelValues(point, plugin, status).Observe(took.Seconds())
	}
}

// Incoming counts a pod that comes to a part of the queue.
func (m *Metrics) Incoming(event, queue string) {
	if m != nil {
		m.incoming.WithLabelValues(event, queue).Inc()
	}
}

// Waited counts a pod that plugins asked to wait before it is bound.
func (m *Metrics) Waited(status string, took time.Duration) {
	if m != nil {
		m.permits.WithLabelValues(status).Observe(took.Seconds())
	}
}

// Handled counts an event that was handled.
func (m *Metrics) Handled(event string, took time.Duration) {
	if m != nil {
		m.events.WithLabelValues(event).Observe(took.Seconds())
	}
}

// Preempting counts an attempt to make room for a pod.
func (m *Metrics) Preempting() {
	if m != nil {
		m.preemptions.Inc()
	}
}

// Victims counts the pods that were chosen to make room.
func (m *Metrics) Victims(victims int) {
	if m != nil {
		m.victims.Observe(float64(victims))
	}
}

// Evicted counts victims that were asked to end, or could not be.
func (m *Metrics) Evicted(err error, took time.Duration) {
	if m == nil {
		return
	}
	result := "success"
	if err != nil {
		result = "error"
	}
	m.preemptRuns.WithLabelValues(result).Inc()
	m.preemptTime.WithLabelValues(result).Observe(took.Seconds())
}
