package scheduler

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	corev1 "k8s.io/api/core/v1"
	fwk "k8s.io/kube-scheduler/framework"
)

// shown is what a scrape shows but for what plugins are asked: the values of counters and gauges, and how much histograms have counted.
func (f *fixture) shown() []string {
	f.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(f.Metrics)
	families, err := registry.Gather()
	if err != nil {
		f.Fatal(err)
	}
	var lines []string
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if line := line(family, m); !strings.HasPrefix(line, "plugin_") {
				lines = append(lines, line)
			}
		}
	}
	slices.Sort(lines)
	return lines
}

func line(family *dto.MetricFamily, m *dto.Metric) string {
	var labels []string
	for _, l := range m.GetLabel() {
		labels = append(labels, l.GetValue())
	}
	value := m.GetCounter().GetValue() + m.GetGauge().GetValue()
	if h := m.GetHistogram(); h != nil {
		value = float64(h.GetSampleCount())
	}
	return fmt.Sprintf("%s %s %v", strings.TrimPrefix(family.GetName(), "scheduler_"), strings.Join(labels, ","), value)
}

func TestMetrics(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	f.runs(ranked("low", "2", 1), "a")
	f.comes(pod("none", "0"))
	f.tries()
	big := pod("big", "5")
	f.comes(big)
	f.tries()
	f.comes(ranked("high", "2", 10))
	f.tries()
	gated := pod("gated", "1")
	gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/wait"}}
	f.comes(gated)
	want := []string{
		"batch_attempts_total default-scheduler,no_hint 3",
		"cache_size assumed_pods 1", "cache_size nodes 1", "cache_size pods 2",
		"event_handling_duration_seconds AssignedPodAdd 1", "event_handling_duration_seconds NodeAdd 1", "event_handling_duration_seconds UnschedulablePodAdd 4",
		"framework_extension_point_duration_seconds Bind,default-scheduler,Success 1",
		"framework_extension_point_duration_seconds Filter,default-scheduler,Success 3",
		"framework_extension_point_duration_seconds Permit,default-scheduler,Success 1",
		"framework_extension_point_duration_seconds PostBind,default-scheduler,Success 1",
		"framework_extension_point_duration_seconds PostFilter,default-scheduler,Success 1",
		"framework_extension_point_duration_seconds PostFilter,default-scheduler,Unschedulable 1",
		"framework_extension_point_duration_seconds PreBind,default-scheduler,Success 1",
		"framework_extension_point_duration_seconds PreBindPreFlight,default-scheduler,Skip 1",
		"framework_extension_point_duration_seconds PreEnqueue,default-scheduler,Success 3",
		"framework_extension_point_duration_seconds PreEnqueue,default-scheduler,UnschedulableAndUnresolvable 1",
		"framework_extension_point_duration_seconds PreFilter,default-scheduler,Success 3",
		"framework_extension_point_duration_seconds Reserve,default-scheduler,Success 1",
		"get_node_hint_duration_seconds no_hint,default-scheduler 3",
		"goroutines binding 0", "inflight_events PodPopped 0",
		"pending_pods active 0", "pending_pods backoff 0", "pending_pods gated 1", "pending_pods unschedulable 2",
		"pod_scheduled_after_flush_total  0",
		"pod_scheduling_attempts  1", "pod_scheduling_sli_duration_seconds 1 1",
		"preemption_attempts_total  2", "preemption_goroutines_duration_seconds success 1", "preemption_goroutines_execution_total success 1",
		"preemption_victims  1",
		"queue_incoming_pods_total ScheduleAttemptFailure,unschedulable 2",
		"queue_incoming_pods_total UnschedulablePodAdd,active 3", "queue_incoming_pods_total UnschedulablePodAdd,unschedulable 1",
		"schedule_attempts_total default-scheduler,scheduled 1", "schedule_attempts_total default-scheduler,unschedulable 2",
		"scheduling_algorithm_duration_seconds  1",
		"scheduling_attempt_duration_seconds default-scheduler,scheduled 1", "scheduling_attempt_duration_seconds default-scheduler,unschedulable 2",
		"store_schedule_results_duration_seconds default-scheduler 3",
		"unschedulable_pods NodeResourcesFit,default-scheduler 2", "unschedulable_pods SchedulingGates,default-scheduler 1",
	}
	if diff := cmp.Diff(want, f.shown()); diff != "" {
		t.Errorf("metrics (-want +shown):\n%s", diff)
	}
}

// TestMetricsOfPlugins: plugins are counted whenever they are asked, and timed in one attempt of ten.
func TestMetricsOfPlugins(t *testing.T) {
	f := newFixture(t)
	f.nodes("a", "b")
	f.comes(pod("first", "100m"))
	f.tries()
	asked := map[string]int64{}
	for _, e := range f.Scheduler.read().Evaluations {
		asked[e.Point+" "+e.Plugin] = e.Times
	}
	if asked["PreFilter NodeResourcesFit"] != 1 || asked["PreFilter NodePorts"] != 0 || asked["PreScore NodeResourcesBalancedAllocation"] != 1 || asked["PreScore InterPodAffinity"] != 0 {
		t.Errorf("preparations: %v", asked)
	}
	if asked["Filter NodeResourcesFit"] != 2 || asked["Score NodeResourcesFit"] != 2 || asked["Filter NodePorts"] != 0 {
		t.Errorf("evaluations: %v", asked)
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(f.Metrics)
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(families, func(m *dto.MetricFamily) bool { return m.GetName() == "scheduler_plugin_execution_duration_seconds" })
	if at < 0 || len(families[at].GetMetric()) < 10 {
		t.Errorf("the first attempt did not time plugins")
	}
}

// A change of a node counts for each of its ways, other kinds for one, and a pod that goes for itself.
func TestEventsAreCountedByTheirNames(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	old, changed := node("a"), node("a")
	changed.Labels, changed.Spec.Unschedulable = map[string]string{"changed": "yes"}, true
	f.nodeUpdated(old, changed)
	f.happens(fwk.PersistentVolume, fwk.Update, &corev1.PersistentVolume{}, &corev1.PersistentVolume{})
	f.podGone(pod("none", "0"))
	var got []string
	for _, line := range f.shown() {
		if event, ok := strings.CutPrefix(line, "event_handling_duration_seconds "); ok {
			got = append(got, event)
		}
	}
	if want := []string{"NodeAdd 1", "NodeUpdateNodeLabel 1", "NodeUpdateNodeTaint 1", "PersistentVolumeUpdate 1", "UnschedulablePodDelete 1"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
