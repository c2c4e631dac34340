package tainteviction

import (
	"testing"
	"time"

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
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n"}, Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: "x", Effect: corev1.TaintEffectNoExecute}}}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", UID: "u", Finalizers: []string{"example.com/stay"}}, Spec: corev1.PodSpec{NodeName: "n"}}
	api := fake.NewClientBuilder().WithObjects(node, pod).WithStatusSubresource(pod).
		WithIndex(pod, kit.NodeIndex, func(o client.Object) []string { return []string{o.(*corev1.Pod).Spec.NodeName} }).Build()
	c := &Controller{
		Client: api, Recorder: record.NewFakeRecorder(10), Clock: testclock.NewFakePassiveClock(time.Unix(1000, 0)), metrics: newMetrics(registry),
		started: map[string]map[types.UID]time.Time{},
	}
	for range 2 {
		if _, err := c.Reconcile(t.Context(), node); err != nil {
			t.Fatal(err)
		}
	}
	all := fuzzing.Metrics(t, registry)
	if n, times := all["taint_eviction_controller_pod_deletions_total"], all["taint_eviction_controller_pod_deletion_duration_seconds"]; n != 1 || times != 1 {
		t.Errorf("%v deletions, %v of them timed, want 1 and 1", n, times)
	}
}
