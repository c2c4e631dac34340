package cluster

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/apis"
)

// asked is what the alerts and recording rules for control planes that are in common use ask for: those of the API server's error
// budget, availability and histograms, of clients, of versions, of etcd. up and absent are Prometheus' own. The last
// are of controllers: some are counted when somebody looks.
const asked = `
apiserver_request_sli_duration_seconds_count{subresource!~"proxy|attach|log|exec|portforward", verb=~"LIST|GET"}
apiserver_request_sli_duration_seconds_bucket{scope=~"resource|", subresource!~"proxy|attach|log|exec|portforward", verb=~"LIST|GET", le=~"1(\\.0)?"}
apiserver_request_sli_duration_seconds_bucket{scope="namespace", subresource!~"proxy|attach|log|exec|portforward", verb=~"LIST|GET", le=~"5(\\.0)?"}
apiserver_request_sli_duration_seconds_bucket{scope="cluster", subresource!~"proxy|attach|log|exec|portforward", verb=~"LIST|GET", le=~"30(\\.0)?"}
apiserver_request_sli_duration_seconds_count{subresource!~"proxy|attach|log|exec|portforward", verb=~"POST|PUT|PATCH|DELETE"}
apiserver_request_sli_duration_seconds_bucket{subresource!~"proxy|attach|log|exec|portforward", verb=~"POST|PUT|PATCH|DELETE", le=~"1(\\.0)?"}
apiserver_request_sli_duration_seconds_bucket{verb=~"POST|PUT|PATCH|DELETE", resource=~".+", le="+Inf"}
apiserver_request_total{verb=~"LIST|GET", code=~"2.."}
apiserver_request_total{verb=~"POST|PUT|PATCH|DELETE", code=~"[0-9]+", resource=~".*"}
apiserver_request_total{verb="GET", code=~"4.."}
apiserver_request_duration_seconds_bucket{verb!~"WATCH|CONNECT", le="+Inf"}
apiserver_response_sizes_count{verb="LIST", resource="configmaps"}
apiserver_current_inflight_requests{request_kind="readOnly"}
apiserver_current_inflight_requests{request_kind="mutating"}
apiserver_longrunning_requests{verb="WATCH", resource="configmaps"}
apiserver_watch_events_total{resource="configmaps", version="v1"}
apiserver_watch_events_sizes_bucket{resource="configmaps", version="v1"}
apiserver_requested_deprecated_apis{group="", version="v1", resource="componentstatuses"}
apiserver_resource_objects{group="apiregistration.k8s.io", resource="apiservices"}
apiserver_storage_objects{resource="apiservices.apiregistration.k8s.io"}
apiserver_storage_size_bytes{storage_cluster_id="etcd-0"}
apiserver_flowcontrol_dispatched_requests_total{priority_level="exempt", flow_schema="exempt"}
apiserver_flowcontrol_current_executing_requests{priority_level="exempt", flow_schema="exempt"}
apiserver_flowcontrol_current_inqueue_requests{priority_level="workload-low"}
apiserver_flowcontrol_request_wait_duration_seconds_bucket{priority_level="exempt", execute="true"}
apiserver_flowcontrol_nominal_limit_seats{priority_level="workload-low"}
apiserver_admission_controller_admission_duration_seconds_bucket{name=~".+", operation="CREATE", type="validate", rejected="false"}
apiserver_admission_step_admission_duration_seconds_count{operation="CREATE", type="admit", rejected="false"}
etcd_request_duration_seconds_bucket{operation="create", group="", resource="configmaps"}
etcd_requests_total{operation="create", resource="configmaps"}
etcd_server_has_leader{}
etcd_server_leader_changes_seen_total{}
etcd_server_is_leader{}
etcd_server_proposals_failed_total{}
etcd_server_proposals_pending{}
etcd_server_quota_backend_bytes{}
etcd_mvcc_db_total_size_in_bytes{}
etcd_mvcc_db_total_size_in_use_in_bytes{}
etcd_disk_wal_fsync_duration_seconds_bucket{le="0.001"}
etcd_disk_backend_commit_duration_seconds_bucket{le="0.001"}
rest_client_requests_total{code="200", method="GET", host=~".+"}
workqueue_adds_total{name=~".+"}
workqueue_depth{name=~".+"}
workqueue_queue_duration_seconds_bucket{name=~".+"}
workqueue_work_duration_seconds_bucket{name=~".+"}
aggregator_unavailable_apiservice{name="v1.apps"}
scheduler_preemption_attempts_total{}
scheduler_scheduling_algorithm_duration_seconds_bucket{le="0.001"}
apiserver_tls_handshake_errors_total{}
apiserver_client_certificate_expiration_seconds_bucket{le="0"}
kubernetes_build_info{git_version=~"v1.36.*", major="1", minor="36"}
process_resident_memory_bytes{}
process_cpu_seconds_total{}
process_start_time_seconds{}
go_goroutines{}
go_memstats_heap_alloc_bytes{}
root_ca_cert_publisher_sync_total{code="200"}
cronjob_controller_job_creation_skew_duration_seconds_bucket{le="1"}
node_ipam_controller_cirdset_max_cidrs{clusterCIDR=~".+"}
horizontal_pod_autoscaler_controller_num_horizontal_pod_autoscalers{}
endpoint_slice_controller_num_endpoint_slices{}
endpoint_slice_mirroring_controller_endpoints_desired{}
`

var (
	expression = regexp.MustCompile(`^([a-z0-9_]+)\{(.*)\}`)
	matcher    = regexp.MustCompile(`([a-z_]+)(=~|!~|!=|=)"((?:[^"\\]|\\.)*)"`)
)

// selects says whether a line of /metrics is one that the expression selects. A label that is asked for must be there.
func selects(rule, line string) bool {
	wanted, sample := expression.FindStringSubmatch(rule), expression.FindStringSubmatch(line)
	if sample == nil {
		name, _, _ := strings.Cut(line, " ")
		sample = []string{"", name, ""}
	}
	if wanted[1] != sample[1] {
		return false
	}
	labels := map[string]string{}
	for _, m := range matcher.FindAllStringSubmatch(sample[2], -1) {
		labels[m[1]] = m[3]
	}
	for _, m := range matcher.FindAllStringSubmatch(wanted[2], -1) {
		value, there := labels[m[1]]
		fits := value == m[3]
		if strings.Contains(m[2], "~") {
			fits = regexp.MustCompile("^(?:" + strings.ReplaceAll(m[3], `\\`, `\`) + ")$").MatchString(value)
		}
		if !there || fits == strings.HasPrefix(m[2], "!") {
			return false
		}
	}
	return true
}

func TestMetricsAreWhatRulesAskFor(t *testing.T) {
	options := alone(t.TempDir())
	options.Disable = []string{Agent}
	running, _ := started(t, options)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	exercise(ctx, t, running.Config)

	transport, err := rest.TransportFor(running.Config)
	if err != nil {
		t.Fatal(err)
	}
	r, _ := http.NewRequestWithContext(ctx, http.MethodGet, running.Config.Host+"/metrics/resources", nil)
	if _, response := fetch(t, transport, r); response.StatusCode != http.StatusOK {
		t.Errorf("what pods ask for: %s", response.Status)
	}
	eventually(t, "controllers begin when the cluster is ready", func() error {
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, running.Config.Host+"/metrics", nil)
		text, _ := fetch(t, transport, r)
		if missing := unanswered(strings.Split(text, "\n")); len(missing) > 0 {
			return fmt.Errorf("nothing is selected by\n%s", strings.Join(missing, "\n"))
		}
		return nil
	})
}

// unanswered are the rules that select none of the lines.
func unanswered(lines []string) []string {
	var missing []string
	for _, rule := range strings.Split(strings.TrimSpace(asked), "\n") {
		if !slices.ContainsFunc(lines, func(line string) bool { return !strings.HasPrefix(line, "#") && selects(rule, line) }) {
			missing = append(missing, rule)
		}
	}
	return missing
}

// exercise makes requests of all kinds.
func exercise(ctx context.Context, t *testing.T, config *rest.Config) {
	t.Helper()
	c, err := client.NewWithWatch(config, client.Options{Scheme: apis.NewScheme()})
	if err != nil {
		t.Fatal(err)
	}
	watching, err := c.Watch(ctx, &corev1.ConfigMapList{}, client.InNamespace("default"))
	if err != nil {
		t.Fatal(err)
	}
	object := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "x"}}
	if err := c.Create(ctx, object); err != nil {
		t.Fatal(err)
	}
	<-watching.ResultChan()
	t.Cleanup(watching.Stop)
	for _, list := range []client.ObjectList{&corev1.ConfigMapList{}, &corev1.ComponentStatusList{}} {
		if err := c.List(ctx, list); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.List(ctx, &corev1.ConfigMapList{}, client.InNamespace("default")); err != nil {
		t.Fatal(err)
	}
	if err := c.Get(ctx, client.ObjectKey{Namespace: "default", Name: "none"}, object); err == nil {
		t.Fatal("found what is not there")
	}
	if err := c.Get(ctx, client.ObjectKey{Namespace: "default", Name: "x"}, object); err != nil {
		t.Fatal(err)
	}
}
