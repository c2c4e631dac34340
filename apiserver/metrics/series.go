package metrics

import (
	"maps"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Names are under which a request is counted. What clients invent is left out: all are empty for what is not served.
type Names struct{ Group, Version, Resource, Subresource string }

// Key tells apart what is counted apart.
type Key struct {
	Names
	Verb, DryRun, Scope string
	// Component is "apiserver" for resources.
	Component string
}

// Series are the instruments of one key, looked up once. Counting a request is a handful of atomic additions.
type Series struct {
	metrics       *Metrics
	key           Key
	duration, sli prometheus.Observer
	size, body    prometheus.Observer // of answers and of what is sent; nil where they are of no interest
	codes         atomic.Pointer[[]counted]
}

// counted is the counter of one code.
type counted struct {
	code    int
	counter prometheus.Counter
}

// Series returns those of a key.
func (m *Metrics) Series(key Key) *Series {
	if s := (*m.series.Load())[key]; s != nil {
		return s
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old := *m.series.Load()
	if s := old[key]; s != nil {
		return s
	}
	labels := key.labels()
	s := &Series{
		metrics: m, key: key, duration: m.duration.WithLabelValues(append(labels, key.DryRun)...),
		sli: m.sli.WithLabelValues(labels...),
	}
	if key.Verb == "GET" || key.Verb == "LIST" {
		s.size = m.sizes.WithLabelValues(labels...)
	}
	if verb := bodyVerb(key.Verb, key.Scope); verb != "" && key.Resource != "" {
		s.body = m.bodies.WithLabelValues(key.Group, key.Resource, verb)
	}
	s.codes.Store(&[]counted{})
	all := maps.Clone(old)
	all[key] = s
	m.series.Store(&all)
	return s
}

func (k *Key) labels() []string {
	return []string{k.Verb, k.Group, k.Version, k.Resource, k.Subresource, k.Scope, k.Component}
}

// bodyVerb is the name of a verb by which sizes of bodies are counted; "" for those that have none.
func bodyVerb(verb, scope string) string {
	switch verb {
	case "POST":
		return "create"
	case "PUT":
		return "update"
	case "PATCH", "APPLY":
		return "patch"
	case "DELETE":
		if scope == "namespace" || scope == "cluster" {
			return "delete_collection"
		}
		return "delete"
	}
	return ""
}

// Request is how a request went.
type Request struct {
	Code int
	// Bytes of the answer, Sent of the body, -1 where that is not known.
	Bytes, Sent int64
	// Took is all its time, Waited the part in which it waited for its turn.
	Took, Waited time.Duration
	// Lasts is set for watches and others whose time says nothing.
	Lasts bool
}

// Observe counts a request.
func (s *Series) Observe(r *Request) {
	s.counter(r.Code).Inc()
	s.duration.Observe(r.Took.Seconds())
	if r.Lasts {
		return
	}
	s.sli.Observe((r.Took - r.Waited).Seconds())
	if s.body != nil && r.Sent >= 0 {
		s.body.Observe(float64(r.Sent))
	}
	if s.size != nil {
		s.size.Observe(float64(r.Bytes))
	}
}

func (s *Series) counter(code int) prometheus.Counter {
	for _, c := range *s.codes.Load() {
		if c.code == code {
			return c.counter
		}
	}
	counter := s.metrics.requests.WithLabelValues(append(s.key.labels(), s.key.DryRun, strconv.Itoa(code))...)
	old := s.codes.Load()
	codes := append((*old)[:len(*old):len(*old)], counted{code, counter})
	s.codes.CompareAndSwap(old, &codes) // whoever was first will do; this one is looked up again next time
	return counter
}

// Running is the gauge of requests that last.
func (s *Series) Running() prometheus.Gauge {
	return s.metrics.longRunning.WithLabelValues(s.key.labels()...)
}

// Terminated counts a request that was turned away or cut short.
func (s *Series) Terminated(code int) {
	s.metrics.terminated.WithLabelValues(append(s.key.labels(), strconv.Itoa(code))...).Inc()
}

// Own counts a request that the server makes to itself.
func (s *Series) Own() {
	s.metrics.own.WithLabelValues(s.key.Verb, s.key.Group, s.key.Resource, s.key.Subresource).Inc()
}

// Aborted counts a request that was cut off.
func (s *Series) Aborted() { s.metrics.aborted.WithLabelValues(s.key.labels()[:6]...).Inc() }

// Deprecated notes that a deprecated API was asked for, and in which release it will be gone ("" where none is named).
func (m *Metrics) Deprecated(n Names, removed string) {
	m.deprecated.WithLabelValues(n.Group, n.Version, n.Resource, n.Subresource, removed).Set(1)
}

// Watch is what the events of one watch are counted by.
type Watch struct {
	events prometheus.Counter
	sizes  prometheus.Observer
}

// Watch returns the instruments for a resource's events.
func (m *Metrics) Watch(n Names) Watch {
	return Watch{m.events.WithLabelValues(n.Group, n.Version, n.Resource), m.eventSizes.WithLabelValues(n.Group, n.Version, n.Resource)}
}

// Listed counts the end of what there was when a watch began.
func (m *Metrics) Listed(n Names, scope string, took time.Duration) {
	m.initials.WithLabelValues(n.Group, n.Version, n.Resource, scope).Observe(took.Seconds())
}

// Sent counts an event of that many bytes.
func (w Watch) Sent(bytes int) {
	w.events.Inc()
	w.sizes.Observe(float64(bytes))
}
