package statefulset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/controllers/revision"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func pod(name, hash string, ready bool) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{revision.HashLabel: hash}},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	if ready {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	}
	return p
}

func TestPlan(t *testing.T) {
	a, b := "a", "b"
	for _, c := range []struct {
		why        string
		size       int32
		partition  int32
		parallel   bool
		update     string
		pods       []*corev1.Pod
		wantCreate []int
		wantRemove []string
	}{
		{why: "one after the other", size: 3, update: a, wantCreate: []int{0}},
		{why: "all at once", size: 3, parallel: true, update: a, wantCreate: []int{0, 1, 2}},
		{why: "waits for the one before", size: 2, update: a, pods: []*corev1.Pod{pod("db-0", "a", false)}},
		{why: "then goes on", size: 2, update: a, pods: []*corev1.Pod{pod("db-0", "a", true)}, wantCreate: []int{1}},
		{why: "shrinks from above", size: 1, update: a, pods: []*corev1.Pod{pod("db-0", "a", true), pod("db-1", "a", true), pod("db-2", "a", true)}, wantRemove: []string{"db-2"}},
		{why: "does not shrink while several are broken", size: 0, update: a, pods: []*corev1.Pod{pod("db-0", "a", false), pod("db-1", "a", false)}},
		{why: "shrinks down to the broken one", size: 0, update: a, pods: []*corev1.Pod{pod("db-0", "a", false), pod("db-1", "a", true)}, wantRemove: []string{"db-1"}},
		{why: "and takes it away at last", size: 0, update: a, pods: []*corev1.Pod{pod("db-0", "a", false)}, wantRemove: []string{"db-0"}},
		{why: "shrinks all at once, broken or not", size: 0, parallel: true, update: a, pods: []*corev1.Pod{pod("db-0", "a", false), pod("db-1", "a", false)}, wantRemove: []string{"db-1", "db-0"}},
		{why: "rolls from above", size: 2, update: b, pods: []*corev1.Pod{pod("db-0", "a", true), pod("db-1", "a", true)}, wantRemove: []string{"db-1"}},
		{why: "one at a time", size: 2, update: b, pods: []*corev1.Pod{pod("db-0", "a", true), pod("db-1", "b", false)}},
		{why: "down to the partition", size: 2, partition: 1, update: b, pods: []*corev1.Pod{pod("db-0", "a", true), pod("db-1", "b", true)}},
		{why: "no pod of ours", size: 0, update: a, pods: []*corev1.Pod{pod("db-x", "a", true), pod("db-01", "a", true)}},
	} {
		set := &appsv1.StatefulSet{ObjectMeta: metav1.ObjectMeta{Name: "db"}, Spec: appsv1.StatefulSetSpec{
			Replicas: &c.size,
			UpdateStrategy: appsv1.StatefulSetUpdateStrategy{
				Type: appsv1.RollingUpdateStatefulSetStrategyType, RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: ptr.To(c.partition)},
			},
		}}
		if c.parallel {
			set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
		}
		p := (&look{set: set, current: a, update: c.update, pods: c.pods, now: now}).makePlan()
		var create []int
		var remove []string
		for _, what := range p.create {
			create = append(create, what.ordinal)
		}
		for _, what := range p.remove {
			remove = append(remove, what.pod.Name)
		}
		if diff := cmp.Diff(c.wantCreate, create); diff != "" {
			t.Errorf("%s: creates (-want +got):\n%s", c.why, diff)
		}
		if diff := cmp.Diff(c.wantRemove, remove); diff != "" {
			t.Errorf("%s: deletes (-want +got):\n%s", c.why, diff)
		}
	}
}
