package apiserver

import (
	"bufio"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// serverMetrics are what /metrics shows. No label takes a value that a client can choose freely.
type serverMetrics struct {
	registry    *prometheus.Registry
	requests    *prometheus.CounterVec
	duration    *prometheus.HistogramVec
	inflight    *prometheus.GaugeVec
	rejected    prometheus.Counter
	panics      prometheus.Counter
	watchers    prometheus.Gauge
	watchEvents prometheus.Counter
}

func newServerMetrics() *serverMetrics {
	m := &serverMetrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "apiserver_request_total",
			Help: "Counter of apiserver requests broken out for each verb, dry run value, group, version, resource, scope, component, and HTTP response code.",
		}, []string{"verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "apiserver_request_duration_seconds",
			Help:    "Response latency distribution in seconds for each verb, dry run value, group, version, resource, subresource, scope and component.",
			Buckets: []float64{0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60},
		}, []string{"verb", "dry_run", "group", "version", "resource", "subresource", "scope", "component"}),
		inflight: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "apiserver_current_inflight_requests", Help: "Number of requests currently being served, by kind.",
		}, []string{"request_kind"}),
		rejected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "apiserver_dropped_requests_total", Help: "Number of requests dropped with 'Try again later' response.",
		}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "apiserver_request_panics_total", Help: "Number of requests whose handling panicked.",
		}),
		watchers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "apiserver_longrunning_requests", Help: "Number of watches being served.",
		}),
		watchEvents: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "apiserver_watch_events_total", Help: "Number of events sent in watch clients.",
		}),
	}
	m.registry.MustRegister(m.requests, m.duration, m.inflight, m.rejected, m.panics, m.watchers, m.watchEvents,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *serverMetrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// observe counts and times requests.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		info := infoFrom(r.Context())
		kind := "readOnly"
		if !slices.Contains([]string{"get", "list", "watch"}, info.Verb) {
			kind = "mutating"
		}
		long := info.LongRunning()
		if !long {
			s.metrics.inflight.WithLabelValues(kind).Inc()
			defer s.metrics.inflight.WithLabelValues(kind).Dec()
		}
		recorder := &recorder{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(recorder, r)
		labels := s.labelsOf(info, r)
		s.metrics.requests.WithLabelValues(append(labels, strconv.Itoa(recorder.code))...).Inc()
		if !long {
			s.metrics.duration.WithLabelValues(labels...).Observe(time.Since(start).Seconds())
		}
	})
}

// labelsOf a request: what is not served has no names of its own.
func (s *Server) labelsOf(info *request.Info, r *http.Request) []string {
	verb := metricVerb(info)
	at := s.kinds.Load().endpoints[gvrOf(info)]
	if at == nil {
		return []string{verb, "", "", "", "", "", "", "apiserver"}
	}
	subresource := ""
	if at.row.Subresource(info.Subresource) != nil {
		subresource = info.Subresource
	}
	scope := "cluster"
	switch {
	case info.Name != "":
		scope = "resource"
	case info.Namespace != "":
		scope = "namespace"
	}
	dryRun := ""
	if r.URL.RawQuery != "" && r.URL.Query().Get("dryRun") == "All" {
		dryRun = "All"
	}
	return []string{verb, dryRun, info.Group, info.Version, info.Resource, subresource, scope, "apiserver"}
}

// metricVerb is the verb as the metrics of upstream spell it.
func metricVerb(info *request.Info) string {
	names := map[string]string{
		"get": "GET", "list": "LIST", "watch": "WATCH", "create": "POST", "post": "POST", "update": "PUT", "put": "PUT",
		"patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETECOLLECTION",
	}
	if name, ok := names[info.Verb]; ok {
		return name
	}
	return "OTHER"
}

// recorder remembers the code of the answer.
type recorder struct {
	http.ResponseWriter
	code    int
	written bool
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(code int) {
	if !r.written {
		r.code, r.written = code, true
	}
	r.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController flush and hijack.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// Hijack implements http.Hijacker.
func (r *recorder) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	r.code, r.written = http.StatusSwitchingProtocols, true
	return http.NewResponseController(r.ResponseWriter).Hijack()
}

// Flush implements http.Flusher.
func (r *recorder) Flush() {
	_ = http.NewResponseController(r.ResponseWriter).Flush() // a writer that cannot flush delivers at its end
}
