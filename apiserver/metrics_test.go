package apiserver

import "testing"

// What the watch cache, audit and watches that begin with what there is have counted is told when somebody asks.
func TestMetricsOfWatches(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, configMap("one")).wants(201)
	next := ts.watching(configMaps + "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
	next()
	next() // the bookmark at the end of what there is
	ts.get("/metrics").wants(200).
		says(`apiserver_watch_list_duration_seconds_count{group="",resource="configmaps",scope="namespace",version="v1"} 1`).
		says(`apiserver_storage_events_received_total{group="",resource="configmaps"} 1`).
		says(`apiserver_watch_cache_events_received_total{group="",resource="configmaps"} 1`).
		says(`apiserver_watch_cache_events_dispatched_total{group="",resource="configmaps"} 1`).
		says(`apiserver_watch_cache_initializations_total{group="",resource="configmaps"} 1`).
		says(`watch_cache_capacity{group="",resource="configmaps"}`).
		says(`apiserver_watch_cache_resource_version{group="",resource="configmaps"}`).
		says(`apiserver_audit_event_total 0`).
		says(`apiserver_audit_requests_rejected_total 0`)
}
