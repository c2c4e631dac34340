package nodelifecycle

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	node := func(name string, ready corev1.ConditionStatus, labels map[string]string) *corev1.Node {
		return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: labels}, Status: corev1.NodeStatus{
			Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}},
		}}
	}
	zone := map[string]string{corev1.LabelTopologyRegion: "r", corev1.LabelTopologyZone: "z"}
	silent := node("silent", corev1.ConditionFalse, zone)
	api := fake.NewClientBuilder().WithObjects(silent, node("ready", corev1.ConditionTrue, zone), node("alone", corev1.ConditionTrue, nil),
		node("aside", corev1.ConditionFalse, map[string]string{excludeDisruption: ""})).WithStatusSubresource(silent).Build()
	c := &Controller{
		Client: api, Recorder: record.NewFakeRecorder(100), Clock: testclock.NewFakePassiveClock(time.Unix(1000, 0)), Grace: time.Minute,
		beats: heartbeats{seen: map[string]heartbeat{}}, nodes: newCensus(kit.DefaultTuning().NodeDrains), known: map[string]types.UID{}, metrics: newMetrics(registry),
		Writes: patch.NewNodes(),
	}
	c.Writes.Add(c.change)
	registry.MustRegister(zones{api})
	c.nodes.take("ready", member{zone: zoneOf(silent), ready: true})
	c.nodes.take("silent", member{zone: zoneOf(silent), ready: false})
	for range 2 {
		current := &corev1.Node{}
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(silent), current); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Reconcile(t.Context(), current); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]float64{
		"node_collector_evictions_total{r:\x00:z}": 1,
		"node_collector_zone_size{r:\x00:z}":       2, "node_collector_unhealthy_nodes_in_zone{r:\x00:z}": 1, "node_collector_zone_health{r:\x00:z}": 50,
		"node_collector_update_node_health_duration_seconds": 2,
		"node_collector_zone_size{}":                         1, "node_collector_unhealthy_nodes_in_zone{}": 0, "node_collector_zone_health{}": 100,
	}
	if diff := cmp.Diff(want, fuzzing.Metrics(t, registry)); diff != "" {
		t.Error(diff)
	}
}
