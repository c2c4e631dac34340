package admission

import (
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Kinds of steps, as the metrics name them.
const (
	stepAdmit    = "admit"
	stepValidate = "validate"
	// StepValidating is what those of webhooks call validate.
	StepValidating = "validating"
	// StepAdmit is the step of mutating webhooks.
	StepAdmit = stepAdmit
)

// Metrics are what /metrics shows of admission. A nil one counts nothing.
type Metrics struct {
	steps, plugins, webhooks       *prometheus.HistogramVec
	rejections, requests, failOpen *prometheus.CounterVec
	policies                       *prometheus.CounterVec
	checks                         *prometheus.HistogramVec
	compilations, evaluations      prometheus.Histogram
	more                           []prometheus.Collector
}

// NewMetrics returns metrics that count from nothing.
func NewMetrics() *Metrics {
	buckets := []float64{0.005, 0.025, 0.1, 0.5, 1.0, 2.5}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "apiserver_admission_" + name, Help: help, Buckets: buckets}, labels)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "apiserver_" + name, Help: help}, labels)
	}
	return &Metrics{
		steps:      histogram("step_admission_duration_seconds", "Latency of all mutating or all validating plugins, by operation.", buckets, "operation", "rejected", "type"),
		plugins:    histogram("controller_admission_duration_seconds", "Latency of a plugin, by operation.", buckets, "name", "operation", "rejected", "type"),
		webhooks:   histogram("webhook_admission_duration_seconds", "Latency of a webhook, by operation.", append(buckets, 10, 25), "name", "operation", "rejected", "type"),
		rejections: counter("admission_webhook_rejection_count", "Writes that a webhook, or its absence, refused.", "error_type", "name", "operation", "rejection_code", "type"),
		requests:   counter("admission_webhook_request_total", "Calls of a webhook.", "code", "name", "operation", "rejected", "type"),
		failOpen:   counter("admission_webhook_fail_open_count", "Writes that were let pass because a webhook could not be asked.", "name", "type"),
		policies: counter("validating_admission_policy_check_total", "Validations that were broken or could not be evaluated.",
			"enforcement_action", "error_type", "policy", "policy_binding"),
		checks: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "apiserver_validating_admission_policy_check_duration_seconds", Help: "How long the policy had taken by then whose validation was broken or could not be evaluated.",
			Buckets: []float64{0.0000005, 0.001, 0.01, 0.1, 1},
		}, []string{"enforcement_action", "error_type", "policy", "policy_binding"}),
		compilations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "apiserver_cel_compilation_duration_seconds", Help: "How long it took to compile an expression of a policy or a webhook.", Buckets: prometheus.DefBuckets,
		}),
		evaluations: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "apiserver_cel_evaluation_duration_seconds", Help: "How long it took to evaluate an expression of a policy or a webhook.", Buckets: prometheus.DefBuckets,
		}),
	}
}

// Add has it show what a plugin counts by itself. It is called before the first write.
func (m *Metrics) Add(more ...prometheus.Collector) { m.more = append(m.more, more...) }

func (m *Metrics) all() []prometheus.Collector {
	return append([]prometheus.Collector{m.steps, m.plugins, m.webhooks, m.rejections, m.requests, m.failOpen, m.policies, m.checks, m.compilations, m.evaluations}, m.more...)
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, c := range m.all() {
		c.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, c := range m.all() {
		c.Collect(to)
	}
}

// Call is how the call of a webhook ended.
type Call struct {
	Name, Step string
	Operation  Operation
	Took       time.Duration
	Rejected   bool
	// Code of the refusal, or of the failure; 0 where there is none.
	Code int32
	// Failure is why there was no answer: "calling_webhook_error", "apiserver_internal_error"; "" where there was one.
	Failure string
	// FailedOpen says that the write was let pass all the same.
	FailedOpen bool
}

// Webhook counts a call.
func (m *Metrics) Webhook(c Call) {
	if m == nil {
		return
	}
	rejected, operation := strconv.FormatBool(c.Rejected), string(c.Operation)
	m.webhooks.WithLabelValues(c.Name, operation, rejected, c.Step).Observe(c.Took.Seconds())
	code := min(c.Code, 600)
	shown := code
	if shown == 0 && c.Failure == "" {
		shown = 200
	}
	m.requests.WithLabelValues(strconv.Itoa(int(shown)), c.Name, operation, rejected, c.Step).Inc()
	if c.FailedOpen {
		m.failOpen.WithLabelValues(c.Name, c.Step).Inc()
	}
	if c.Rejected {
		failure := c.Failure
		if failure == "" {
			failure = "no_error"
		}
		m.rejections.WithLabelValues(failure, c.Name, operation, strconv.Itoa(int(code)), c.Step).Inc()
	}
}

// Policy counts a broken validation, of a policy that is evaluated since then.
func (m *Metrics) Policy(policy, binding, action, failure string, since time.Time) {
	if m != nil {
		m.policies.WithLabelValues(action, failure, policy, binding).Inc()
		m.checks.WithLabelValues(action, failure, policy, binding).Observe(time.Since(since).Seconds())
	}
}

// Compiled counts an expression that was compiled.
func (m *Metrics) Compiled(since time.Time) {
	if m != nil {
		m.compilations.Observe(time.Since(since).Seconds())
	}
}

// Evaluated counts an expression that was evaluated.
func (m *Metrics) Evaluated(since time.Time) {
	if m != nil {
		m.evaluations.Observe(time.Since(since).Seconds())
	}
}

// watch is the observers of one plugin, or of a whole step: looked up once.
type watch struct {
	name string // of the plugin; "" for the step
	step string
	by   [4][2]atomic.Pointer[prometheus.Observer]
}

func (w *watch) observe(m *Metrics, of Operation, took time.Duration, err error) {
	if m == nil {
		return
	}
	at, rejected := &w.by[index(of)][0], "false"
	if err != nil {
		at, rejected = &w.by[index(of)][1], "true"
	}
	known := at.Load()
	if known == nil {
		observer := m.observer(w, string(of), rejected)
		known = &observer
		at.Store(known)
	}
	(*known).Observe(took.Seconds())
}

func (m *Metrics) observer(w *watch, operation, rejected string) prometheus.Observer {
	if w.name == "" {
		return m.steps.WithLabelValues(operation, rejected, w.step)
	}
	return m.plugins.WithLabelValues(w.name, operation, rejected, w.step)
}

func index(of Operation) int {
	switch of {
	case Create:
		return 0
	case Update:
		return 1
	case Delete:
		return 2
	}
	return 3
}
