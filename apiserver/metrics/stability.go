package metrics

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// levels of metrics that are above alpha, as the Kubernetes Metrics Reference and the /metrics of upstream's v1.36 have them.
var levels = map[string][]string{
	"[STABLE] ": {
		"apiserver_admission_controller_admission_duration_seconds", "apiserver_admission_step_admission_duration_seconds",
		"apiserver_admission_webhook_admission_duration_seconds", "apiserver_current_inflight_requests", "apiserver_longrunning_requests",
		"apiserver_request_duration_seconds", "apiserver_request_total", "apiserver_requested_deprecated_apis", "apiserver_response_sizes",
		"apiserver_storage_objects", "apiserver_storage_size_bytes", "cronjob_controller_job_creation_skew_duration_seconds",
		"job_controller_job_pods_finished_total", "job_controller_job_sync_duration_seconds", "job_controller_job_syncs_total",
		"job_controller_jobs_finished_total", "kube_pod_resource_limit", "kube_pod_resource_request", "kubernetes_healthcheck",
		"kubernetes_healthchecks_total", "node_collector_evictions_total", "scheduler_framework_extension_point_duration_seconds",
		"scheduler_pending_pods", "scheduler_pod_scheduling_attempts", "scheduler_preemption_attempts_total", "scheduler_preemption_victims",
		"scheduler_queue_incoming_pods_total", "scheduler_schedule_attempts_total", "scheduler_scheduling_attempt_duration_seconds",
	},
	"[BETA] ": {
		"apiserver_cel_compilation_duration_seconds", "apiserver_cel_evaluation_duration_seconds", "apiserver_flowcontrol_current_executing_requests",
		"apiserver_flowcontrol_current_executing_seats", "apiserver_flowcontrol_current_inqueue_requests",
		"apiserver_flowcontrol_dispatched_requests_total", "apiserver_flowcontrol_nominal_limit_seats",
		"apiserver_flowcontrol_rejected_requests_total", "apiserver_flowcontrol_request_wait_duration_seconds",
		"apiserver_storage_events_received_total", "apiserver_watch_list_duration_seconds", "kubernetes_build_info", "kubernetes_feature_enabled",
		"scheduler_pod_scheduling_sli_duration_seconds", "workqueue_adds_total", "workqueue_depth", "workqueue_longest_running_processor_seconds",
		"workqueue_queue_duration_seconds", "workqueue_retries_total", "workqueue_unfinished_work_seconds", "workqueue_work_duration_seconds",
	},
}

// unlevelled begin the names of what Go, the process and etcd tell of themselves.
var unlevelled = []string{"go_", "process_", "promhttp_", "grpc_", "etcd_server_", "etcd_disk_", "etcd_mvcc_", "etcd_network_", "etcd_debugging_", "etcd_cluster_", "etcd_snap_"}

// Levelled has each help begin with how stable the metric is, as upstream's do: "[STABLE] Requests, by what they asked for …".
func Levelled(of prometheus.Gatherer) prometheus.Gatherer {
	known := map[string]string{}
	for level, names := range levels {
		for _, name := range names {
			known[name] = level
		}
	}
	return prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		families, err := of.Gather()
		for _, family := range families {
			family.Help = new(level(known, family.GetName()) + family.GetHelp())
		}
		return families, err
	})
}

func level(known map[string]string, name string) string {
	if level, ok := known[name]; ok {
		return level
	}
	for _, prefix := range unlevelled {
		if strings.HasPrefix(name, prefix) {
			return ""
		}
	}
	return "[ALPHA] "
}
