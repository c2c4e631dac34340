package endpointslice

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// Metrics are what a controller of slices counts, with a prefix of its own. Nil counts nothing.
type Metrics struct {
	changes        *prometheus.CounterVec
	added, removed prometheus.Histogram
	prefix         string

	mu    sync.Mutex
	sizes map[types.UID]sizes
	sum   sizes
}

var _ prometheus.Collector = &Metrics{}

// sizes are what there is, of one owner or in all.
type sizes struct{ endpoints, have, best int }

// NewMetrics makes the metrics of the controller with that prefix, which looks at objects of that kind.
func NewMetrics(to prometheus.Registerer, prefix, kind string) *Metrics {
	perSync := func(what string) prometheus.Histogram {
		return kit.Collect(to, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: prefix + "endpoints_" + what + "_per_sync", Help: "Number of endpoints " + what + " on each " + kind + " sync", Buckets: prometheus.ExponentialBuckets(2, 2, 15),
		}))
	}
	return &Metrics{
		changes: kit.Counters(to, prefix+"changes", "Number of EndpointSlice changes", "operation"),
		added:   perSync("added"), removed: perSync("removed"),
		prefix: prefix, sizes: map[types.UID]sizes{},
	}
}

func (m *Metrics) gauges() (endpoints, have, best *prometheus.Desc) {
	gauge := func(name, help string) *prometheus.Desc { return prometheus.NewDesc(m.prefix+name, help, nil, nil) }
	return gauge("endpoints_desired", "Number of endpoints desired"), gauge("num_endpoint_slices", "Number of EndpointSlices"),
		gauge("desired_endpoint_slices", "Number of EndpointSlices that would exist with perfect endpoint allocation")
}

// Describe implements prometheus.Collector, for what there is; what was done is shown already.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	endpoints, have, best := m.gauges()
	to <- endpoints
	to <- have
	to <- best
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	defer m.mu.Unlock()
	endpoints, have, best := m.gauges()
	to <- prometheus.MustNewConstMetric(endpoints, prometheus.GaugeValue, float64(m.sum.endpoints))
	to <- prometheus.MustNewConstMetric(have, prometheus.GaugeValue, float64(m.sum.have))
	to <- prometheus.MustNewConstMetric(best, prometheus.GaugeValue, float64(m.sum.best))
}

// Planned notes what a look at owner comes to: how many endpoints come, how many go, and what there will be.
func (m *Metrics) Planned(owner types.UID, plan *Plan, groups []*Group, limit int) {
	if m == nil {
		return
	}
	m.added.Observe(float64(plan.Added))
	m.removed.Observe(float64(plan.Removed))
	now := sizes{have: plan.Slices}
	for _, group := range groups {
		now.endpoints += len(group.Endpoints)
		now.best += max((len(group.Endpoints)+limit-1)/limit, 1)
	}
	m.become(owner, now)
}

// Forget leaves owner out of what there is.
func (m *Metrics) Forget(owner types.UID) {
	if m != nil {
		m.become(owner, sizes{})
	}
}

func (m *Metrics) become(owner types.UID, now sizes) {
	m.mu.Lock()
	defer m.mu.Unlock()
	before := m.sizes[owner]
	m.sum.endpoints += now.endpoints - before.endpoints
	m.sum.have += now.have - before.have
	m.sum.best += now.best - before.best
	if now == (sizes{}) {
		delete(m.sizes, owner)
	} else {
		m.sizes[owner] = now
	}
}

// wrote counts a slice that was written.
func (m *Metrics) wrote(operation string) {
	if m != nil {
		m.changes.WithLabelValues(operation).Inc()
	}
}

// metrics are what the controller of Services counts beyond that.
type metrics struct {
	syncs   *prometheus.CounterVec
	changed *prometheus.HistogramVec
}

const prefix = "endpoint_slice_controller_"

func newMetrics(to prometheus.Registerer) *metrics {
	return &metrics{
		syncs: kit.Counters(to, prefix+"syncs", "Number of EndpointSlice syncs", "result"),
		changed: kit.Histograms(to, prometheus.HistogramOpts{
			Name: prefix + "endpointslices_changed_per_sync", Help: "Number of EndpointSlices changed on each Service sync",
		}, "topology", "traffic_distribution"),
	}
}

// stale counts that a Service was not looked at, for its slices do not show yet what was written.
func (m *metrics) stale() {
	if m != nil {
		m.syncs.WithLabelValues("stale").Inc()
	}
}

// skipped is stale where it is slices that the cache is behind with.
func (m *metrics) skipped(behind schema.GroupResource) {
	if behind.Group == discoveryv1.GroupName {
		m.stale()
	}
}

func (m *metrics) synced(svc *corev1.Service, plan *Plan, err error) {
	if m == nil {
		return
	}
	if err != nil {
		m.syncs.WithLabelValues("error").Inc()
		return
	}
	m.syncs.WithLabelValues("success").Inc()
	// Hints are not by the shares of zones, so the topology is always the one.
	m.changed.WithLabelValues("Disabled", ptr.Deref(svc.Spec.TrafficDistribution, "")).Observe(float64(len(plan.Create) + len(plan.Update) + len(plan.Delete)))
}
