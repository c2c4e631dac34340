package nodelifecycle

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

// metrics are what the controller counts. Nil counts nothing.
type metrics struct {
	evictions *prometheus.CounterVec
	looks     prometheus.Histogram
}

func newMetrics(to prometheus.Registerer) *metrics {
	return &metrics{
		evictions: kit.Counters(to, "node_collector_evictions_total", "Number of Node evictions that happened since current instance of NodeController started.", "zone"),
		looks: kit.Collect(to, prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "node_collector_update_node_health_duration_seconds", Help: "Duration in seconds for NodeController to update the health of a single node.",
			Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
		})),
	}
}

// looked notes how long it took to look at a node, and to write what had changed.
func (m *metrics) looked(took time.Duration) {
	if m != nil {
		m.looks.Observe(took.Seconds())
	}
}

// tainted counts a node that is to be emptied from now on: that its state has another name later does not count.
func (m *metrics) tainted(node *corev1.Node, wanted []corev1.Taint) {
	if m != nil && empties(wanted) && !empties(node.Spec.Taints) {
		m.evictions.WithLabelValues(zoneOf(node)).Inc()
	}
}

func empties(taints []corev1.Taint) bool {
	return slices.ContainsFunc(taints, func(t corev1.Taint) bool {
		return t.Effect == corev1.TaintEffectNoExecute && (t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable)
	})
}

// zoneOf is what metrics call the zone of a node.
func zoneOf(node client.Object) string {
	region, zone := node.GetLabels()[corev1.LabelTopologyRegion], node.GetLabels()[corev1.LabelTopologyZone]
	if region == "" && zone == "" {
		return ""
	}
	return region + ":\x00:" + zone
}

// zones counts the nodes of zones when somebody looks, from the cache.
type zones struct{ client client.Reader }

type zoneDescs struct{ size, unhealthy, health *prometheus.Desc }

func described() zoneDescs {
	describe := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("node_collector_"+name, help, []string{"zone"}, nil)
	}
	return zoneDescs{
		size:      describe("zone_size", "Gauge measuring number of registered Nodes per zones."),
		unhealthy: describe("unhealthy_nodes_in_zone", "Gauge measuring number of not Ready Nodes per zones."),
		health:    describe("zone_health", "Gauge measuring percentage of healthy nodes per zone."),
	}
}

// Describe implements prometheus.Collector.
func (zones) Describe(to chan<- *prometheus.Desc) {
	d := described()
	to <- d.size
	to <- d.unhealthy
	to <- d.health
}

// Collect implements prometheus.Collector.
func (z zones) Collect(to chan<- prometheus.Metric) {
	var nodes corev1.NodeList
	if z.client.List(context.Background(), &nodes, client.UnsafeDisableDeepCopy) != nil { // a collector is given no context
		return
	}
	all, ready := map[string]int{}, map[string]int{}
	for i := range nodes.Items {
		if aside(&nodes.Items[i]) {
			continue
		}
		zone := zoneOf(&nodes.Items[i])
		all[zone]++
		if isReady(&nodes.Items[i]) {
			ready[zone]++
		}
	}
	d := described()
	for zone, count := range all {
		to <- prometheus.MustNewConstMetric(d.size, prometheus.GaugeValue, float64(count), zone)
		to <- prometheus.MustNewConstMetric(d.unhealthy, prometheus.GaugeValue, float64(count-ready[zone]), zone)
		to <- prometheus.MustNewConstMetric(d.health, prometheus.GaugeValue, 100*float64(ready[zone])/float64(count), zone)
	}
}
