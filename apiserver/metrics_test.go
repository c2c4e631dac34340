package apiserver

import (
	"testing"

	"k8s.io/apiserver/pkg/authentication/user"
)

// What is given out to Services is counted by what was asked for, and what is taken is looked up.
func TestMetricsOfServices(t *testing.T) {
	ts := newServer(t)
	ts.post(servicesPath, service("a", `"type":"NodePort","clusterIP":"10.43.0.99","ports":[{"port":80,"nodePort":30500}]`)).wants(201)
	ts.post(servicesPath, service("b", `"type":"NodePort","ports":[{"port":80}]`)).wants(201)
	ts.post(servicesPath, service("c", `"clusterIP":"10.43.0.99","ports":[{"port":80}]`)).wants(422)
	ts.post(servicesPath, service("d", `"type":"NodePort","ports":[{"port":80,"nodePort":30500}]`)).wants(422)
	ts.post(servicesPath, service("e", `"type":"NodePort","ports":[{"port":80,"nodePort":40500}]`)).wants(422)
	ts.post(servicesPath, service("f", `"clusterIP":"10.99.0.99","ports":[{"port":80}]`)).wants(422)
	ts.get(addresses).wants(200) // which waits for all that has been written
	ts.get("/metrics").wants(200).
		says(`kube_apiserver_clusterip_allocator_allocated_ips{cidr="10.43.0.0/16"} 2`).
		says(`kube_apiserver_clusterip_allocator_available_ips{cidr="10.43.0.0/16"} 65532`).
		says(`kube_apiserver_clusterip_allocator_allocation_total{cidr="10.43.0.0/16",scope="static"} 1`).
		says(`kube_apiserver_clusterip_allocator_allocation_total{cidr="10.43.0.0/16",scope="dynamic"} 3`).
		says(`kube_apiserver_clusterip_allocator_allocation_errors_total{cidr="10.43.0.0/16",scope="static"} 1`).
		says(`kube_apiserver_nodeport_allocator_allocated_ports 2`).
		says(`kube_apiserver_nodeport_allocator_available_ports 2766`).
		says(`kube_apiserver_nodeport_allocator_allocation_total{scope="static"} 1`).
		says(`kube_apiserver_nodeport_allocator_allocation_total{scope="dynamic"} 1`).
		says(`kube_apiserver_nodeport_allocator_allocation_errors_total{scope="static"} 2`)
}

// What the watch cache, audit and watches that begin with what there is have counted is told when somebody asks.
func TestMetricsOfWatches(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, configMap("one")).wants(201)
	next := ts.watching(configMaps + "?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true")
	next()
	next() // the bookmark at the end of what there is
	ts.get(configMaps).wants(200)
	ts.get(configMaps + "?fieldSelector=metadata.namespace=other&resourceVersion=0").wants(200)
	ts.get("/metrics").wants(200).
		says(`apiserver_cache_list_total{group="",index="",resource="configmaps"} 2`).
		says(`apiserver_cache_list_fetched_objects_total{group="",index="",resource="configmaps"} 2`).
		says(`apiserver_cache_list_returned_objects_total{group="",resource="configmaps"} 1`).
		says(`apiserver_watch_cache_consistent_read_total{fallback="false",group="",resource="configmaps",success="true"} 1`).
		says(`apiserver_watch_list_duration_seconds_count{group="",resource="configmaps",scope="namespace",version="v1"} 1`).
		says(`apiserver_storage_events_received_total{group="",resource="configmaps"} 1`).
		says(`apiserver_watch_cache_events_received_total{group="",resource="configmaps"} 1`).
		says(`apiserver_watch_cache_events_dispatched_total{group="",resource="configmaps"} 1`).
		says(`apiserver_watch_cache_initializations_total{group="",resource="configmaps"} 1`).
		says(`apiserver_init_events_total{group="",resource="configmaps"} 1`).
		says(`watch_cache_capacity_increase_total{group="",resource="configmaps"} 1`).
		says(`watch_cache_capacity{group="",resource="configmaps"}`).
		says(`apiserver_watch_cache_resource_version{group="",resource="configmaps"}`).
		says(`apiserver_audit_event_total 0`).
		says(`apiserver_audit_requests_rejected_total 0`)
}

// Of writes it is told how long their bodies are, how they are tried, and which ones did not end in time; of the server what it asks itself.
func TestMetricsOfWrites(t *testing.T) {
	ts := newServer(t)
	ts.post(configMaps, configMap("one")).wants(201)
	ts.post(configMaps+"?dryRun=All", configMap("two")).wants(201)
	ts.post(configMaps+"?dryRun=some", configMap("two")).wants(422)
	ts.delete(configMaps+"/one", "").wants(200)
	ts.delete(configMaps, "").wants(200)
	ts.get(configMaps + "?timeout=1ns").wants(504)
	ts.as = &user.DefaultInfo{Name: user.APIServerUser, Groups: []string{user.SystemPrivilegedGroup}}
	ts.get(configMaps).wants(200)
	const of = `group="",resource="configmaps",scope=`
	ts.get("/metrics").wants(200).
		says(`apiserver_request_body_size_bytes_count{group="",resource="configmaps",verb="create"} 3`).
		says(`apiserver_request_body_size_bytes_count{group="",resource="configmaps",verb="delete"} 1`).
		says(`apiserver_request_body_size_bytes_count{group="",resource="configmaps",verb="delete_collection"} 1`).
		says(`apiserver_request_total{code="422",component="apiserver",dry_run="invalid",` + of + `"resource",subresource="",verb="POST",version="v1"} 1`).
		says(`apiserver_request_total{code="200",component="apiserver",dry_run="",` + of + `"namespace",subresource="",verb="DELETE",version="v1"} 1`).
		says(`apiserver_request_terminations_total{code="504",component="apiserver",` + of + `"namespace",subresource="",verb="LIST",version="v1"} 1`).
		says(`apiserver_selfrequest_total{group="",resource="configmaps",subresource="",verb="LIST"} 1`).
		says(`version_info{`)
}
