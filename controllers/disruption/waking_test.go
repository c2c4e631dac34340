package disruption

import (
	"context"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// A pod that several budgets select is said to be one: nobody could tell why it is not evicted but who asked for that.
func TestPodOfSeveralBudgetsIsToldOf(t *testing.T) {
	recorder := record.NewFakeRecorder(10)
	w := waker{recorder, func(_ context.Context, _ string, look func(*policyv1.PodDisruptionBudget)) {
		for _, name := range []string{"web", "all", "other"} {
			budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name}}
			budget.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{name: ""}}
			look(budget)
		}
	}}
	pod := func(labels ...string) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "a", Labels: map[string]string{}}}
		for _, label := range labels {
			p.Labels[label] = ""
		}
		return p
	}
	q := workqueue.NewTypedRateLimitingQueue(workqueue.DefaultTypedControllerRateLimiter[reconcile.Request]())
	defer q.ShutDown()
	told := `Warning MultiplePodDisruptionBudgets Pod "default"/"a" matches multiple PodDisruptionBudgets.  Chose "all" arbitrarily.`
	for _, c := range []struct {
		reason string
		do     func()
		woken  int
		events []string
	}{
		{"made with two", func() { w.Create(t.Context(), event.CreateEvent{Object: pod("web", "all")}, q) }, 2, []string{told}},
		{"there at the start", func() {
			w.Create(t.Context(), event.CreateEvent{Object: pod("web", "all"), IsInInitialList: true}, q)
		}, 2, nil},
		{"gets another label", func() {
			w.Update(t.Context(), event.UpdateEvent{ObjectOld: pod("web"), ObjectNew: pod("all", "web")}, q)
		}, 2, []string{told}},
		{"loses a label", func() {
			w.Update(t.Context(), event.UpdateEvent{ObjectOld: pod("web", "all"), ObjectNew: pod("web")}, q)
		}, 2, nil},
		{"of one", func() { w.Create(t.Context(), event.CreateEvent{Object: pod("web")}, q) }, 1, nil},
		{"gone", func() { w.Delete(t.Context(), event.DeleteEvent{Object: pod("web", "all")}, q) }, 2, nil},
	} {
		c.do()
		var events []string
		for len(recorder.Events) > 0 {
			events = append(events, <-recorder.Events)
		}
		if q.Len() != c.woken || !slices.Equal(events, c.events) {
			t.Errorf("%s: %d budgets are woken, %q", c.reason, q.Len(), events)
		}
		for q.Len() > 0 {
			request, _ := q.Get()
			q.Done(request)
		}
	}
}
