package metrics

import (
	"math"
	"slices"

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
	for _, f := range slices.Concat(w.families(), listFamilies(), onceFamilies()) {
		to <- f.desc
	}
	to <- waitDesc()
}

// Of lists, some have further labels that always say the same here: there are no indexes, and the store is never asked instead.
func listFamilies() []watchCacheFamily {
	return []watchCacheFamily{
		{listDesc("apiserver_cache_list_total", "Lists that were answered from the watch cache.", prometheus.Labels{"index": ""}), prometheus.CounterValue,
			func(f cache.Figures) float64 { return float64(f.Lists) }},
		{listDesc("apiserver_cache_list_fetched_objects_total", "Objects of the watch cache that lists looked at.", prometheus.Labels{"index": ""}), prometheus.CounterValue,
			func(f cache.Figures) float64 { return float64(f.Fetched) }},
		{listDesc("apiserver_cache_list_returned_objects_total", "Objects of the watch cache that lists answered with.", nil), prometheus.CounterValue,
			func(f cache.Figures) float64 { return float64(f.Returned) }},
		{listDesc("apiserver_watch_cache_consistent_read_total", "Lists of what there is now from the watch cache.",
			prometheus.Labels{"fallback": "false", "success": "true"}), prometheus.CounterValue, func(f cache.Figures) float64 { return float64(f.Consistent) }},
	}
}

// What has not happened to a resource yet is not told of.
func onceFamilies() []watchCacheFamily {
	return []watchCacheFamily{
		{watchCacheDesc("apiserver_init_events_total", "Objects that were sent to watchers that begin with what there is."), prometheus.CounterValue,
			func(f cache.Figures) float64 { return float64(f.Initial) }},
		{watchCacheDesc("watch_cache_capacity_increase_total", "How often the watch cache made room for more events."), prometheus.CounterValue,
			func(f cache.Figures) float64 { return float64(f.Grown) }},
		{watchCacheDesc("watch_cache_capacity_decrease_total", "How often the watch cache gave up room for events."), prometheus.CounterValue,
			func(f cache.Figures) float64 { return float64(f.Shrunk) }},
	}
}

func listDesc(name, help string, constant prometheus.Labels) *prometheus.Desc {
	return prometheus.NewDesc(name, help, []string{"group", "resource"}, constant)
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
	families, lists, once, wait := w.families(), listFamilies(), onceFamilies(), waitDesc()
	w.Resources(func(group, resource string, figures cache.Figures) {
		for _, f := range families {
			to <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(figures), group, resource)
		}
		for _, f := range once {
			if value := f.value(figures); value > 0 {
				to <- prometheus.MustNewConstMetric(f.desc, f.kind, value, group, resource)
			}
		}
		if figures.Lists == 0 {
			return
		}
		for _, f := range lists {
			to <- prometheus.MustNewConstMetric(f.desc, f.kind, f.value(figures), group, resource)
		}
		to <- waits(figures.Waits, wait, group, resource)
	})
}

func waitDesc() *prometheus.Desc {
	return watchCacheDesc("apiserver_watch_cache_read_wait_seconds", "How long lists waited until the watch cache was as fresh as they asked.")
}

func waits(w cache.Waits, of *prometheus.Desc, labels ...string) prometheus.Metric {
	buckets, count := map[float64]uint64{}, uint64(0)
	for i, bound := range cache.WaitBounds() {
		count += uint64(w.Counts[i]) //nolint:gosec // it was counted up from nothing
		buckets[bound] = count
	}
	count += uint64(w.Counts[len(w.Counts)-1]) //nolint:gosec // as above
	return prometheus.MustNewConstHistogram(of, count, w.Sum.Seconds(), buckets, labels...)
}
