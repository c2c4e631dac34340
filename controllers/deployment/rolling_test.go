package deployment

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

func deployment(size int32, surge, unavailable string) *appsv1.Deployment {
	return &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: &size, Strategy: appsv1.DeploymentStrategy{
		Type: appsv1.RollingUpdateDeploymentStrategyType,
		RollingUpdate: &appsv1.RollingUpdateDeployment{
			MaxSurge: ptr.To(intstr.Parse(surge)), MaxUnavailable: ptr.To(intstr.Parse(unavailable)),
		},
	}}}
}

func set(name string, size, available int32) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name)},
		Spec:       appsv1.ReplicaSetSpec{Replicas: &size},
		Status:     appsv1.ReplicaSetStatus{Replicas: size, ReadyReplicas: available, AvailableReplicas: available},
	}
}

// shrinking is a set that has not heard of its new size.
func shrinking(name string, from, to int32) *appsv1.ReplicaSet {
	rs := set(name, from, from)
	rs.Spec.Replicas = &to
	return rs
}

func TestFenceposts(t *testing.T) {
	for _, c := range []struct {
		why                string
		size               int32
		surge, unavailable string
		wantSurge, wantUn  int32
	}{
		{"surge rounds up, unavailable down", 3, "25%", "25%", 1, 0},
		{"percentages of ten", 10, "25%", "25%", 3, 2},
		{"both zero: one may be unavailable", 3, "0", "0", 0, 1},
		{"a percentage that rounds to zero", 3, "0", "10%", 0, 1},
		{"no more unavailable than there are", 2, "0", "5", 0, 2},
		{"of nothing nothing is unavailable, and the surge is what sets are annotated with", 0, "1", "1", 1, 0},
		{"of nothing a percentage is nothing", 0, "25%", "25%", 0, 0},
	} {
		d := deployment(c.size, c.surge, c.unavailable)
		if got := [2]int32{maxSurge(d), maxUnavailable(d)}; got != [2]int32{c.wantSurge, c.wantUn} {
			t.Errorf("%s: got %v, want %d and %d", c.why, got, c.wantSurge, c.wantUn)
		}
	}
}

func TestRollStep(t *testing.T) {
	for _, c := range []struct {
		why         string
		d           *appsv1.Deployment
		current     *appsv1.ReplicaSet
		old         []*appsv1.ReplicaSet
		wantCurrent int32
		wantOld     []int32
	}{
		{"starts with the surge", deployment(3, "1", "0"), set("new", 0, 0), []*appsv1.ReplicaSet{set("old", 3, 3)}, 1, []int32{3}},
		{"old shrink as new are available", deployment(3, "1", "0"), set("new", 1, 1), []*appsv1.ReplicaSet{set("old", 3, 3)}, 1, []int32{2}},
		{"and not before", deployment(3, "1", "0"), set("new", 1, 0), []*appsv1.ReplicaSet{set("old", 3, 3)}, 1, []int32{3}},
		{"unavailable ones go first", deployment(4, "0", "2"), set("new", 0, 0), []*appsv1.ReplicaSet{set("a", 2, 0), set("b", 2, 2)}, 0, []int32{0, 2}},
		{"replicas that are to go are not there to be spared", deployment(3, "1", "0"), set("new", 2, 2), []*appsv1.ReplicaSet{shrinking("old", 3, 2)}, 2, []int32{1}},
		{"a set that is too large shrinks", deployment(2, "1", "0"), set("new", 5, 5), nil, 2, []int32{}},
	} {
		s := &sets{current: c.current, old: c.old}
		if got := currentSize(c.d, s); got != c.wantCurrent {
			t.Errorf("%s: current set gets %d, want %d", c.why, got, c.wantCurrent)
		}
		if diff := cmp.Diff(c.wantOld, oldSizes(c.d, s)); diff != "" {
			t.Errorf("%s: old sets (-want +got):\n%s", c.why, diff)
		}
	}
}

func TestProportionalScaling(t *testing.T) {
	at := func(rs *appsv1.ReplicaSet, size int32, surge string) *appsv1.ReplicaSet {
		annotateSize(rs, deployment(size, surge, "0"))
		return rs
	}
	d := deployment(20, "2", "0") // was 10
	s := &sets{current: at(set("new", 4, 2), 10, "2"), old: []*appsv1.ReplicaSet{at(set("old", 8, 8), 10, "2")}}
	if !isScaling(d, s) {
		t.Fatal("a changed size is not noticed")
	}
	if diff := cmp.Diff([]int32{15, 7}, resized(d, s)); diff != "" {
		t.Errorf("shares of 22 (-want +got):\n%s", diff)
	}
	alone := &sets{current: at(set("new", 10, 10), 10, "2"), old: []*appsv1.ReplicaSet{set("old", 0, 0)}}
	if diff := cmp.Diff([]int32{0, 20}, resized(d, alone)); diff != "" {
		t.Errorf("the only set in use takes all (-want +got):\n%s", diff)
	}
}

func TestHashIgnoresNothingButItself(t *testing.T) {
	d := deployment(1, "1", "0")
	d.Name = "web"
	d.Spec.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	first, err := templateHash(&d.Spec.Template, nil)
	if err != nil {
		t.Fatal(err)
	}
	second, err := templateHash(&d.Spec.Template, ptr.To[int32](1))
	if err != nil {
		t.Fatal(err)
	}
	if first == second {
		t.Error("a collision does not change the name")
	}
	if rs := newSet(d, first); !sameTemplate(&rs.Spec.Template, &d.Spec.Template) {
		t.Error("a new set does not have the deployment's template")
	}
}
