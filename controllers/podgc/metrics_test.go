package podgc

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", UID: "u", Finalizers: []string{"example.com/stay"}}}
	api := fake.NewClientBuilder().WithObjects(pod).WithStatusSubresource(pod).Build()
	c := &Controller{Client: api, Live: api, Clock: clock.RealClock{}, Keep: 1, metrics: newMetrics(registry), missing: map[string]time.Time{}}
	if err := api.Delete(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a finalizer keeps it
		current := &corev1.Pod{}
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(pod), current); err != nil {
			t.Fatal(err)
		}
		if current.Status.Phase == corev1.PodFailed {
			current.DeletionGracePeriodSeconds = ptr.To[int64](0)
		}
		if _, err := c.Reconcile(t.Context(), current); err != nil {
			t.Fatal(err)
		}
	}
	if got := fuzzing.Metrics(t, registry)["pod_gc_collector_force_delete_pods_total{default,unscheduled}"]; got != 1 {
		t.Errorf("%v pods, want 1", got)
	}
}
