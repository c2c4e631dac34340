package services

import (
	"math/big"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Metrics count what addresses and ports are given out. What is taken and what is free is looked up when somebody asks. Nobody counts for nil.
type Metrics struct {
	ranges                                       *Allocator
	known                                        known
	addresses, addressErrors, ports, portErrors  *prometheus.CounterVec
	durations                                    *prometheus.HistogramVec
	allocated, available, allocPorts, availPorts *prometheus.Desc
}

// NewMetrics returns those of what is given out from the ranges.
func NewMetrics(ranges Ranges, all *kinds.Served) *Metrics {
	const ip, port = "kube_apiserver_clusterip_allocator_", "kube_apiserver_nodeport_allocator_"
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	}
	known := known{all}
	return &Metrics{
		ranges: &Allocator{Ranges: ranges.withDefaults(), More: known.ranges}, known: known,
		addresses:     counter(ip+"allocation_total", "Cluster IPs that were given out.", "cidr", "scope"),
		addressErrors: counter(ip+"allocation_errors_total", "Cluster IPs that could not be given out.", "cidr", "scope"),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: ip + "allocation_duration_seconds", Help: "How long it took to find a cluster IP.", Buckets: prometheus.DefBuckets,
		}, []string{"cidr"}),
		ports:      counter(port+"allocation_total", "Node ports that were given out.", "scope"),
		portErrors: counter(port+"allocation_errors_total", "Node ports that could not be given out.", "scope"),
		allocated:  prometheus.NewDesc(ip+"allocated_ips", "Cluster IPs that are taken.", []string{"cidr"}, nil),
		available:  prometheus.NewDesc(ip+"available_ips", "Cluster IPs that are free.", []string{"cidr"}, nil),
		allocPorts: prometheus.NewDesc(port+"allocated_ports", "Node ports that are taken.", nil, nil),
		availPorts: prometheus.NewDesc(port+"available_ports", "Node ports that are free.", nil, nil),
	}
}

// scope tells what was asked for from what was found.
func scope(asked bool) string {
	if asked {
		return "static"
	}
	return "dynamic"
}

// address counts an address that was looked for since a time, and given out or not.
func (m *Metrics) address(cidr netip.Prefix, asked bool, since time.Time, err error) {
	switch {
	case m == nil:
	case err != nil:
		m.addressErrors.WithLabelValues(cidr.String(), scope(asked)).Inc()
	default:
		m.addresses.WithLabelValues(cidr.String(), scope(asked)).Inc()
		m.durations.WithLabelValues(cidr.String()).Observe(time.Since(since).Seconds())
	}
}

// port counts a port that was given out, or not.
func (m *Metrics) port(asked, given bool) {
	switch {
	case m == nil:
	case given:
		m.ports.WithLabelValues(scope(asked)).Inc()
	default:
		m.portErrors.WithLabelValues(scope(asked)).Inc()
	}
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, counted := range []prometheus.Collector{m.addresses, m.addressErrors, m.ports, m.portErrors, m.durations} {
		counted.Describe(to)
	}
	for _, found := range []*prometheus.Desc{m.allocated, m.available, m.allocPorts, m.availPorts} {
		to <- found
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, counted := range []prometheus.Collector{m.addresses, m.addressErrors, m.ports, m.portErrors, m.durations} {
		counted.Collect(to)
	}
	gauge := func(of *prometheus.Desc, value int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(of, prometheus.GaugeValue, float64(value), labels...)
	}
	taken := m.known.addresses()
	for _, family := range []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol} {
		for _, cidr := range m.ranges.cidrs(family) {
			first, last := bounds(cidr)
			var in int64
			for _, address := range taken {
				if usable(cidr, address) {
					in++
				}
			}
			gauge(m.allocated, in, cidr.String())
			gauge(m.available, distance(first, last)+1-in, cidr.String())
		}
	}
	used := &portMap{Ranges: m.ranges.Ranges, bits: new(big.Int)}
	used.fill(m.known.eachService)
	count := int64(used.count())
	gauge(m.allocPorts, count)
	gauge(m.availPorts, int64(used.LastPort-used.FirstPort+1)-count)
}

// addresses that are taken.
func (c known) addresses() (all []netip.Addr) {
	at := c.Now().Endpoints[networkingv1.SchemeGroupVersion.WithResource("ipaddresses")]
	if at == nil {
		return nil
	}
	at.Cached.Snapshot().Ascend("", "", func(entry *cache.Entry) bool {
		if address, err := netip.ParseAddr(entry.Name); err == nil {
			all = append(all, address)
		}
		return true
	})
	return all
}
