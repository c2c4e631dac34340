package metrics

import (
	"net/http"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/version"
)

// Metrics are what /metrics shows of the server.
type Metrics struct {
	Registry *prometheus.Registry
	// Panics counts requests whose handling panicked.
	Panics prometheus.Counter
	// Reading and Mutating are the requests under way that do not last.
	Reading, Mutating prometheus.Gauge

	requests, terminated, aborted *prometheus.CounterVec
	own, storeErrors              *prometheus.CounterVec
	bodies                        *prometheus.HistogramVec
	duration, sli, sizes          *prometheus.HistogramVec
	longRunning, deprecated       *prometheus.GaugeVec
	events                        *prometheus.CounterVec
	eventSizes                    *prometheus.HistogramVec
	initials                      *prometheus.HistogramVec
	stored                        *prometheus.HistogramVec
	storedTotal                   *prometheus.CounterVec

	// series by key: read without a lock, copied to add one.
	mu     sync.Mutex
	series atomic.Pointer[map[Key]*Series]
}

// requestLabels are what a request is counted by.
var requestLabels = []string{"verb", "group", "version", "resource", "subresource", "scope", "component"}

// New returns metrics that count from nothing, of a server of that version.
func New(v version.Info) *Metrics {
	with := func(more ...string) []string { return append(append([]string{}, requestLabels...), more...) }
	m := &Metrics{
		Registry: prometheus.NewRegistry(),
		Panics:   prometheus.NewCounter(prometheus.CounterOpts{Name: "apiserver_request_panics_total", Help: "Requests whose handling panicked."}),
		requests: counters("apiserver_request_total", "Requests, by what they asked for and how they were answered.", with("dry_run", "code")...),
		terminated: counters("apiserver_request_terminations_total", "Requests that were turned away or cut short in self-defense.",
			with("code")...),
		aborted: counters("apiserver_request_aborts_total", "Requests that were cut off, by a timeout or an upgrade gone wrong.",
			"verb", "group", "version", "resource", "subresource", "scope"),
		own: counters("apiserver_selfrequest_total", "Requests that the server makes to itself.", "verb", "group", "resource", "subresource"),
		bodies: histograms("apiserver_request_body_size_bytes", "Sizes of the bodies of writes, in bytes.", prometheus.LinearBuckets(50000, 100000, 31),
			"group", "resource", "verb"),
		duration:    histograms("apiserver_request_duration_seconds", "How long requests took.", long(0.005, 0.025), with("dry_run")...),
		sli:         histograms("apiserver_request_sli_duration_seconds", "How long requests took that do not last, not counting the wait for their turn.", long(), with()...),
		sizes:       histograms("apiserver_response_sizes", "Sizes of answers to GET and LIST, in bytes.", prometheus.ExponentialBuckets(1000, 10, 7), with()...),
		longRunning: gauges("apiserver_longrunning_requests", "Requests that last, like watches, under way.", with()...),
		deprecated: gauges("apiserver_requested_deprecated_apis", "Deprecated APIs that have been asked for.",
			"group", "version", "resource", "subresource", "removed_release"),
		events:     counters("apiserver_watch_events_total", "Events sent to watchers.", "group", "version", "resource"),
		eventSizes: histograms("apiserver_watch_events_sizes", "Sizes of events sent to watchers, in bytes.", prometheus.ExponentialBuckets(1024, 2, 8), "group", "version", "resource"),
		initials: histograms("apiserver_watch_list_duration_seconds", "How long watches took that begin with what there is to come to the end of that.",
			[]float64{0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 2, 4, 6, 8, 10, 15, 20, 30, 45, 60}, "group", "version", "resource", "scope"),
		stored:      histograms("etcd_request_duration_seconds", "How long requests to etcd took.", long(0.005, 0.025), "operation", "group", "resource"),
		storedTotal: counters("etcd_requests_total", "Requests to etcd.", "operation", "group", "resource"),
		storeErrors: counters("etcd_request_errors_total", "Requests to etcd that failed.", "operation", "group", "resource"),
	}
	inflight := gauges("apiserver_current_inflight_requests", "Requests under way that do not last.", "request_kind")
	m.Reading, m.Mutating = inflight.WithLabelValues("readOnly"), inflight.WithLabelValues("mutating")
	m.series.Store(&map[Key]*Series{})
	m.Registry.MustRegister(m.Panics, inflight, m.requests, m.terminated, m.aborted, m.duration, m.sli, m.sizes, m.longRunning, m.deprecated,
		m.events, m.eventSizes, m.initials, m.stored, m.storedTotal, m.storeErrors, m.own, m.bodies, buildInfo(v), versionInfo(v),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// long are buckets up to a minute: those given, and upstream's from there on.
func long(first ...float64) []float64 {
	return append(first, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
}

func counters(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauges(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func histograms(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

func buildInfo(v version.Info) prometheus.Collector {
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "kubernetes_build_info", Help: "What was built, from what, with what.",
		ConstLabels: prometheus.Labels{
			"major": v.Major, "minor": v.Minor, "git_version": v.GitVersion, "git_commit": v.GitCommit, "git_tree_state": v.GitTreeState,
			"build_date": v.BuildDate, "go_version": v.GoVersion, "compiler": v.Compiler, "platform": v.Platform,
		},
	})
	g.Set(1)
	return g
}

// versionInfo says with which versions the server is compatible.
func versionInfo(v version.Info) prometheus.Collector {
	binary, _, _ := strings.Cut(strings.TrimPrefix(v.GitVersion, "v"), "+")
	g := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "version_info", Help: "Which version it is, which it behaves like, and with which it is compatible.",
		ConstLabels: prometheus.Labels{
			"binary": binary, "component": "kube", "emulation": v.EmulationMajor + "." + v.EmulationMinor,
			"min_compat": v.MinCompatibilityMajor + "." + v.MinCompatibilityMinor,
		},
	})
	g.Set(1)
	return g
}

// Handler answers with all that is registered, and with what the others have that is not.
func (m *Metrics) Handler(others ...prometheus.Gatherer) http.Handler {
	return promhttp.HandlerFor(Levelled(append(prometheus.Gatherers{m.Registry}, others...)), promhttp.HandlerOpts{})
}

// Only is what a registry has under names that begin with one of the prefixes: the rest is said elsewhere.
func Only(of prometheus.Gatherer, prefixes ...string) prometheus.Gatherer {
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := of.Gather()
		kept := families[:0]
		for _, family := range families {
			for _, prefix := range prefixes {
				if strings.HasPrefix(family.GetName(), prefix) {
					kept = append(kept, family)
					break
				}
			}
		}
		return kept, err
	})
}
