package metrics

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// WatchCache tells what the watch cache has counted of each resource. It looks when it is asked.
type WatchCache struct {
	// Resources calls with each resource once.
	Resources func(yield func(group, resource string, figures cache.Figures))
}

// versionDigits is how much of a resource version a gauge shows, for it is a float.
const versionDigits = 1e15

func watchCacheDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"group", "resource"}, nil)
}

// Describe implements prometheus.Collector.
func (w WatchCache) Describe(to chan<- *prometheus.Desc) {
	for _, f := range w.families() {
		to <- f.desc
	}
}

// watchCacheFamily is one metric of each resource.
type watchCacheFamily struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(cache.Figures) float64
}

func (WatchCache) families() []watchCacheFamily {
	events := func(f cache.Figures) float64 { return float64(f.Events) }
	return []watchCacheFamily{
		{watchCacheDesc("apiserver_storage_events_received_total", "Events that came from etcd."), prometheus.CounterValue, events},
		{watchCacheDesc("apiserver_watch_cache_events_received_total", "Events that came to the watch cache."), prometheus.CounterValue, events},
		{watchCacheDesc("apiserver_watch_cache_events_dispatched_total", "Events that watchers could have from the watch cache."), prometheus.CounterValue, events},
		{watchCacheDesc("apiserver_watch_cache_initializations_total", "How often the watch cache loaded all objects."), prometheus.CounterValue,
			func(f cache.Figures) float64 { return float64(f.Loads) }},
		{watchCacheDesc("watch_cache_capacity", "For how many events the watch cache has room."), prometheus.GaugeValue,
			func(f cache.Figures) float64 { return float64(f.Capacity) }},
		{watchCacheDesc("apiserver_watch_cache_resource_version", "Resource version of the watch cache, its last 15 digits."), prometheus.GaugeValue,
			func(f cache.Figures) float64 { return math.Mod(float64(f.Revision), versionDigits) }},
	}
}

// Collect implements prometheus.Collector.
func (w WatchCache) Collect(to chan<- prometheus.Metric) {
	families := w.families()
	w.Resources(func(group, resource string, figures cache.Figures) {
		for _, f := range families {
			to <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(figures), group, resource)
		}
	})
}
