package metrics

import "github.com/prometheus/client_golang/prometheus"

const subsystem = "scheduler"

// Reading is what is counted when somebody asks.
type Reading struct {
	Pending       map[string]int // by part of the queue
	Unschedulable map[[2]string]int
	Nodes, Pods   int
	Assumed       int
	Binding       int
	Events        map[string]int // by name
	Evaluations   []Evaluations
}

// Evaluations are how often a plugin was asked.
type Evaluations struct {
	Point, Plugin, Profile string
	Times                  int64
}

// Follow has the gauges read from a scheduler, until it is called with nil.
func (m *Metrics) Follow(read func() Reading) {
	switch {
	case m == nil:
	case read == nil:
		m.source.Store(nil)
	default:
		m.source.Store(&read)
	}
}

func (m *Metrics) all() []prometheus.Collector {
	return append([]prometheus.Collector{
		m.attempts, m.incoming, m.preemptRuns, m.preemptions, m.algorithm, m.tries, m.victims,
		m.attemptTime, m.points, m.plugins, m.sli, m.permits, m.events, m.preemptTime,
	}, m.more.all()...)
}

// gauges describes what is read when somebody asks.
type gauges struct{ pending, cache, unschedulable, goroutines, inflight, evaluations *prometheus.Desc }

func described() gauges {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(subsystem+"_"+name, help, labels, nil)
	}
	return gauges{
		pending:       describe("pending_pods", "Number of pending pods, by the queue type: active, backoff, unschedulable (tried without success) or gated (never tried).", "queue"),
		cache:         describe("cache_size", "Number of nodes, pods, and assumed (bound) pods in the scheduler cache.", "type"),
		unschedulable: describe("unschedulable_pods", "The number of unschedulable pods broken down by plugin name. A pod counts for every plugin that refused it.", "plugin", "profile"),
		goroutines:    describe("goroutines", "Number of running goroutines split by the work they do such as binding.", "operation"),
		inflight:      describe("inflight_events", "Number of events currently tracked in the scheduling queue.", "event"),
		evaluations:   describe("plugin_evaluation_total", "Number of times that a plugin was asked at an extension point. What is remembered of a node is not asked.", "extension_point", "plugin", "profile"),
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(to)
	}
	g := described()
	for _, d := range []*prometheus.Desc{g.pending, g.cache, g.unschedulable, g.goroutines, g.inflight, g.evaluations} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(to)
	}
	read := m.source.Load()
	if read == nil {
		return
	}
	r, g := (*read)(), described()
	gauge := func(d *prometheus.Desc, value int, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	for _, queue := range []string{"active", "backoff", "gated", "unschedulable"} {
		gauge(g.pending, r.Pending[queue], queue)
	}
	gauge(g.cache, r.Nodes, "nodes")
	gauge(g.cache, r.Pods, "pods")
	gauge(g.cache, r.Assumed, "assumed_pods")
	gauge(g.goroutines, r.Binding, "binding")
	for event, number := range r.Events {
		gauge(g.inflight, number, event)
	}
	for by, pods := range r.Unschedulable {
		gauge(g.unschedulable, pods, by[0], by[1])
	}
	for _, e := range r.Evaluations {
		to <- prometheus.MustNewConstMetric(g.evaluations, prometheus.CounterValue, float64(e.Times), e.Point, e.Plugin, e.Profile)
	}
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Subsystem: subsystem, Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64) prometheus.Histogram {
	return prometheus.NewHistogram(prometheus.HistogramOpts{Subsystem: subsystem, Name: name, Help: help, Buckets: buckets})
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Subsystem: subsystem, Name: name, Help: help, Buckets: buckets}, labels)
}
