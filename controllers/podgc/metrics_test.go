package podgc

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clocktesting "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

func TestMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", UID: "u", Finalizers: []string{"example.com/stay"}}}
	api := fake.NewClientBuilder().WithObjects(pod).WithStatusSubresource(pod).Build()
	if err := api.Delete(t.Context(), pod); err != nil {
		t.Fatal(err)
	}
	later := clocktesting.NewFakePassiveClock(time.Now().Add(time.Minute))
	c := &Controller{Client: api, Live: api, Clock: later, Keep: 1, metrics: newMetrics(registry), missing: map[string]time.Time{}}
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

// A pod without a node is marked first and removed with the next write, by whoever deletes it: nobody else has to do so, unless it stays.
func TestPodWithoutNodeIsLeftToWhoDeletesIt(t *testing.T) {
	now := time.Now()
	marked := metav1.NewTime(now)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", UID: "u", Finalizers: []string{"example.com/stay"}, DeletionTimestamp: &marked}}
	api := fake.NewClientBuilder().WithObjects(pod).WithStatusSubresource(pod).Build()
	clock := clocktesting.NewFakePassiveClock(now.Add(ending - time.Second))
	c := &Controller{Client: api, Live: api, Clock: clock, Keep: 1, metrics: newMetrics(prometheus.NewRegistry()), missing: map[string]time.Time{}}
	phase := func() corev1.PodPhase {
		t.Helper()
		current := &corev1.Pod{}
		if err := api.Get(t.Context(), client.ObjectKeyFromObject(pod), current); err != nil {
			t.Fatal(err)
		}
		return current.Status.Phase
	}
	if again, err := c.Reconcile(t.Context(), pod); err != nil || again.RequeueAfter != time.Second || phase() != "" {
		t.Errorf("before its time is over: %+v, %v, phase %q", again, err, phase())
	}
	clock.SetTime(now.Add(ending))
	if again, err := c.Reconcile(t.Context(), pod); err != nil || again.RequeueAfter != 0 || phase() != corev1.PodFailed {
		t.Errorf("when it stays: %+v, %v, phase %q", again, err, phase())
	}
}
