package nodeipam

import (
	"math/big"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

const prefix = "node_ipam_controller_"

// metrics are what the controller counts. Nil counts nothing.
type metrics struct {
	allocations, releases *prometheus.CounterVec
	tries                 *prometheus.HistogramVec
}

func newMetrics(to prometheus.Registerer) *metrics {
	return &metrics{
		allocations: kit.Counters(to, prefix+"cidrset_cidrs_allocations_total", "Counter measuring total number of CIDR allocations.", "clusterCIDR"),
		releases:    kit.Counters(to, prefix+"cidrset_cidrs_releases_total", "Counter measuring total number of CIDR releases.", "clusterCIDR"),
		tries: kit.Histograms(to, prometheus.HistogramOpts{
			Name: prefix + "cidrset_allocation_tries_per_request", Help: "Histogram measuring CIDR allocation tries per request.", Buckets: prometheus.ExponentialBuckets(1, 5, 5),
		}, "clusterCIDR"),
	}
}

// found notes how many shares were seen to be taken before a free one.
func (m *metrics) found(p *pool) {
	if m != nil {
		m.tries.WithLabelValues(p.network.String()).Observe(float64(p.passed))
	}
}

// took counts a share that somebody has now.
func (m *metrics) took(p *pool) {
	if m != nil {
		m.allocations.WithLabelValues(p.network.String()).Inc()
	}
}

// freed counts a share that nobody has any more.
func (m *metrics) freed(p *pool) {
	if m != nil {
		m.releases.WithLabelValues(p.network.String()).Inc()
	}
}

// usage tells how full the networks are when somebody looks.
type usage struct{ controller *Controller }

type usageDescs struct{ used, most *prometheus.Desc }

func described() usageDescs {
	labels := []string{"clusterCIDR"}
	return usageDescs{
		used: prometheus.NewDesc(prefix+"cidrset_usage_cidrs", "Gauge measuring percentage of allocated CIDRs.", labels, nil),
		most: prometheus.NewDesc(prefix+"cirdset_max_cidrs", "Maximum number of CIDRs that can be allocated.", labels, nil), // the name is spelled so
	}
}

// Describe implements prometheus.Collector.
func (usage) Describe(to chan<- *prometheus.Desc) {
	d := described()
	to <- d.used
	to <- d.most
}

// Collect implements prometheus.Collector.
func (u usage) Collect(to chan<- prometheus.Metric) {
	u.controller.mu.Lock()
	defer u.controller.mu.Unlock()
	d := described()
	for _, p := range u.controller.pools {
		most, _ := new(big.Float).SetInt(new(big.Int).Lsh(big.NewInt(1), uint(p.bits-p.network.Bits()))).Float64()
		to <- prometheus.MustNewConstMetric(d.used, prometheus.GaugeValue, float64(len(p.taken))/most, p.network.String())
		to <- prometheus.MustNewConstMetric(d.most, prometheus.GaugeValue, most, p.network.String())
	}
}
