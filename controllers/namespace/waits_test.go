package namespace

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// A namespace that something holds is looked at less and less often, until something of it goes.
func TestHeldNamespaceIsLeftAlone(t *testing.T) {
	var w waits
	held := &content{counts: map[schema.GroupResource]int{{Resource: "secrets"}: 2}, finalizers: map[string]int{"example.com/held": 2}}
	look := func(times int) (all []time.Duration) {
		for range times {
			all = append(all, w.next("a", held))
		}
		return all
	}
	want := []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 5 * time.Second, 7 * time.Second, 10 * time.Second, 10 * time.Second}
	if diff := cmp.Diff(want, look(6)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	held.counts[schema.GroupResource{Resource: "secrets"}] = 1
	if diff := cmp.Diff(want[:2], look(2)); diff != "" {
		t.Errorf("after one has gone, -want +got:\n%s", diff)
	}
	w.forget("a")
	if len(w.all) != 0 {
		t.Error("remembers a namespace that is gone")
	}
}

func TestOwnConditionsWakeNobody(t *testing.T) {
	there := &corev1.Namespace{Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}}}
	going := there.DeepCopy()
	going.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	told := going.DeepCopy()
	told.Status.Conditions = []corev1.NamespaceCondition{{Type: corev1.NamespaceContentRemaining, Status: corev1.ConditionTrue}}
	if begins(there, there) || !begins(there, going) || begins(going, told) {
		t.Error("want to be woken when a namespace begins to go, and by no condition")
	}
}
