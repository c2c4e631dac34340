package flowcontrol

import (
	"math"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/apiserver/flowcontrol/usage"
)

// Metrics are what /metrics shows of flow control, by upstream's names. A nil one counts nothing. What can be read from the levels
// is read when somebody asks, so that a request pays for four observations only.
type Metrics struct {
	dispatchedTotal, rejectedTotal            *prometheus.CounterVec
	waited, executing, estimated, queueLength *prometheus.HistogramVec
	watchers                                  *prometheus.HistogramVec
	fraction                                  prometheus.Gauge
	queued, queuedSeats, running, seats       *prometheus.Desc
	current                                   *usage.Current
	levels                                    usage.LevelDescs

	mu         sync.Mutex
	controller *Controller
}

const prefix = "apiserver_flowcontrol_"

// NewMetrics returns metrics that count from nothing.
func NewMetrics() *Metrics {
	level, flow := "priority_level", "flow_schema"
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: prefix + name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: prefix + name, Help: help, Buckets: buckets}, labels)
	}
	seconds := []float64{0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30}
	return &Metrics{
		dispatchedTotal: counter("dispatched_requests_total", "Requests that were served.", level, flow),
		rejectedTotal:   counter("rejected_requests_total", "Requests that were turned away.", level, flow, "reason"),
		waited:          histogram("request_wait_duration_seconds", "Time that a request waited in a queue.", seconds, level, flow, "execute"),
		executing:       histogram("request_execution_seconds", "Time that a request was worked on.", seconds, level, flow, "type"),
		estimated:       histogram("work_estimated_seats", "Seats that a request was estimated to need.", []float64{1, 2, 4, 8, 16, 32, 64, 100}, level, flow),
		queueLength:     histogram("request_queue_length_after_enqueue", "Length of the queue, as seen by each that joins it.", []float64{0, 10, 25, 50, 100, 250, 500, 1000}, level, flow),
		watchers:        histogram("watch_count_samples", "Watchers that are told of a write, by which it is estimated.", []float64{0, 1, 10, 100, 1000, 10000}, level, flow),
		fraction:        prometheus.NewGauge(prometheus.GaugeOpts{Name: prefix + "seat_fair_frac", Help: "Fraction of the targets that could be given."}),
		queued:          prometheus.NewDesc(prefix+"current_inqueue_requests", "Requests that wait in queues.", []string{level, flow}, nil),
		queuedSeats:     prometheus.NewDesc(prefix+"current_inqueue_seats", "Seats that requests in queues wait for.", []string{level, flow}, nil),
		running:         prometheus.NewDesc(prefix+"current_executing_requests", "Requests that are worked on.", []string{level, flow}, nil),
		seats:           prometheus.NewDesc(prefix+"current_executing_seats", "Seats of the requests that are worked on.", []string{level, flow}, nil),
		current:         usage.NewCurrent(), levels: usage.NewLevelDescs(),
	}
}

func (m *Metrics) attach(c *Controller) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.controller = c
}

// bounded says for how many requests there is room in all levels.
func (m *Metrics) bounded(levels map[string]*level, now time.Time) {
	if m == nil {
		return
	}
	room, seats := 0, 0
	for _, l := range levels {
		l.mu.Lock()
		room, seats = room+l.room(), seats+l.share.nominal
		l.mu.Unlock()
	}
	m.current.Bound(room, seats, now)
}

func (m *Metrics) vectors() []prometheus.Collector {
	return []prometheus.Collector{m.dispatchedTotal, m.rejectedTotal, m.waited, m.executing, m.estimated, m.queueLength, m.watchers, m.fraction}
}

// Describe implements prometheus.Collector. The gauges of the levels are left to Collect.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, v := range m.vectors() {
		v.Describe(to)
	}
	to <- m.queued
	to <- m.queuedSeats
	to <- m.running
	to <- m.seats
	for _, d := range limitDescs() {
		to <- d
	}
	m.levels.Describe(to)
	m.current.Describe(to)
}

// limitDescs are what is said of each level: nominal, lower and upper bound, what it has now, and what it could have used.
func limitDescs() []*prometheus.Desc {
	var all []*prometheus.Desc
	for _, row := range [][2]string{
		{"nominal_limit_seats", "Seats that are a level's own."}, {"lower_limit_seats", "Seats that a level does not lend."},
		{"upper_limit_seats", "Seats that a level may borrow up to."}, {"current_limit_seats", "Seats that a level has at present."},
		{"request_concurrency_limit", "Seats that are a level's own."}, {"demand_seats_high_watermark", "Most seats that a level could use in the last period."},
		{"demand_seats_average", "Seats that a level could use, on average of the last period."},
		{"demand_seats_stdev", "Standard deviation of the seats that a level could use in the last period."},
		{"demand_seats_smoothed", "Seats that a level is likely to want."}, {"target_seats", "Seats that a level is given in proportion to."},
		{"current_r", "Seat seconds that each queue with requests has had, when that last changed."},
	} {
		all = append(all, prometheus.NewDesc(prefix+row[0], row[1], []string{"priority_level"}, nil))
	}
	return all
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	c := m.controller
	m.mu.Unlock()
	var levels []*level
	if c != nil {
		levels = c.all()
	}
	for _, l := range levels {
		l.observeAll()
	}
	for _, v := range m.vectors() {
		v.Collect(to)
	}
	if c == nil {
		return
	}
	now := c.Clock.Now()
	m.current.Collect(to, now)
	limits := limitDescs()
	gauge := func(of *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(of, prometheus.GaugeValue, value, labels...)
	}
	for _, l := range levels {
		l.mu.Lock()
		l.note(now)
		w := wish{share: l.share, figures: l.demand.last}
		for i, value := range []float64{
			float64(w.nominal), float64(w.lower), float64(w.upper), float64(l.limit), float64(w.nominal), float64(w.high), w.average, w.deviation, w.smooth, w.target(), l.virtual,
		} {
			gauge(limits[i], value, l.name)
		}
		l.usage.Collect(to, m.levels, l.name, l.age(now))
		for name, s := range l.stats {
			gauge(m.queued, float64(s.waiting), l.name, name)
			gauge(m.queuedSeats, float64(s.waitingSeats), l.name, name)
			gauge(m.running, float64(s.executing), l.name, name)
			gauge(m.seats, float64(s.seats), l.name, name)
		}
		l.mu.Unlock()
	}
}

func (m *Metrics) adjusted(factor float64) {
	if m != nil {
		m.fraction.Set(math.Min(factor, 1e6))
	}
}

// stats are what a schema has brought to a level. The numbers are guarded by the level's lock.
type stats struct {
	waiting, waitingSeats, executing, seats int
	observed                                *observers
}

// statsOf returns the schema's, which outlast its changes.
func (l *level) statsOf(name string, m *Metrics) *stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats[name]
	if s == nil {
		s = &stats{observed: m.observers(l.name, name)}
		l.stats[name] = s
	}
	return s
}

// observeAll has the instruments of all schemas there, whether or not they had requests.
func (l *level) observeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.stats {
		s.observed.use()
	}
}

// observers are the instruments of one schema at one level, looked up once, when they are needed first. A nil one observes nothing.
type observers struct {
	metrics       *Metrics
	level, schema string

	once                   sync.Once
	total                  prometheus.Counter
	seats, length          prometheus.Observer
	watchers               prometheus.Observer
	waitedServed           prometheus.Observer
	executed, watchStarted prometheus.Observer
}

func (m *Metrics) observers(level, schema string) *observers {
	if m == nil {
		return nil
	}
	return &observers{metrics: m, level: level, schema: schema}
}

func (o *observers) use() *observers {
	if o == nil {
		return nil
	}
	o.once.Do(func() {
		m, level, schema := o.metrics, o.level, o.schema
		o.total = m.dispatchedTotal.WithLabelValues(level, schema)
		o.seats, o.length = m.estimated.WithLabelValues(level, schema), m.queueLength.WithLabelValues(level, schema)
		o.watchers, o.waitedServed = m.watchers.WithLabelValues(level, schema), m.waited.WithLabelValues(level, schema, "true")
		o.executed, o.watchStarted = m.executing.WithLabelValues(level, schema, "regular"), m.executing.WithLabelValues(level, schema, "watch")
	})
	return o
}

func (o *observers) queued(length int) {
	if o.use() != nil {
		o.length.Observe(float64(length))
	}
}

func (o *observers) dispatched(t *Ticket) {
	if o.use() == nil {
		return
	}
	o.total.Inc()
	o.metrics.current.Execute(t.mutates(), 1, t.started)
	o.seats.Observe(float64(max(t.work.seats, t.work.after)))
	if t.work.told >= 0 {
		o.watchers.Observe(float64(t.work.told))
	}
	o.waitedServed.Observe(t.started.Sub(t.arrived).Seconds())
}

func (o *observers) rejected(reason string, after time.Duration) {
	if o == nil {
		return
	}
	o.metrics.rejectedTotal.WithLabelValues(o.level, o.schema, reason).Inc()
	o.metrics.waited.WithLabelValues(o.level, o.schema, "false").Observe(after.Seconds())
}

func (o *observers) left(t *Ticket, now time.Time) {
	if o.use() == nil {
		return
	}
	o.metrics.current.Execute(t.mutates(), -1, now)
	if t.info.Verb == "watch" {
		o.watchStarted.Observe(now.Sub(t.started).Seconds())
		return
	}
	o.executed.Observe(now.Sub(t.started).Seconds())
}

// waits counts a request that joins a queue, or one less that is in one.
func (o *observers) waits(t *Ticket, more int, now time.Time) {
	if o != nil {
		o.metrics.current.Wait(t.mutates(), more, now)
	}
}
