package daemonset

import (
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/util/flowcontrol"

	"github.com/coxswain-k8s/coxswain/controllers/revision"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func node(name string, taints ...corev1.Taint) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.NodeSpec{Taints: taints}}
}

func pod(name, node, hash string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{revision.HashLabel: hash}},
		Spec:       corev1.PodSpec{NodeName: node},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{
			{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now.Add(-time.Hour))},
		}},
	}
}

func planOf(set *appsv1.DaemonSet, hash string, nodes []*corev1.Node, pods []*corev1.Pod) plan {
	var all []corev1.Node
	for _, n := range nodes {
		all = append(all, *n)
	}
	return fullBoard(rulesOf(set, hash), all, pods, now).plan(set, now)
}

func planFor(nodes []*corev1.Node, pods ...*corev1.Pod) plan {
	return planOf(&appsv1.DaemonSet{}, "new", nodes, pods)
}

func TestOnePodOnEachNode(t *testing.T) {
	dead := corev1.Taint{Key: "dead", Effect: corev1.TaintEffectNoExecute}
	reserved := corev1.Taint{Key: "reserved", Effect: corev1.TaintEffectNoSchedule}
	nodes := []*corev1.Node{node("empty"), node("full"), node("double"), node("dead", dead), node("reserved", reserved)}
	p := planFor(nodes, pod("a", "full", "new"), pod("b", "double", "new"), pod("c", "double", "new"), pod("d", "dead", "new"), pod("e", "reserved", "new"))
	if len(p.create) != 1 || p.create[0] != "empty" {
		t.Errorf("creates on %v, want on the empty node", p.create)
	}
	if len(p.remove) != 2 || p.remove[0].Name != "d" || p.remove[1].Name != "c" {
		t.Errorf("deletes %v, want one of two and the one on the dead node", p.remove)
	}
	if p.status.DesiredNumberScheduled != 3 || p.status.CurrentNumberScheduled != 2 || p.status.NumberMisscheduled != 2 {
		t.Errorf("status is %+v", p.status)
	}
}

func TestRollsOneAtATime(t *testing.T) {
	nodes := []*corev1.Node{node("n1"), node("n2")}
	if p := planFor(nodes, pod("a", "n1", "old"), pod("b", "n2", "old")); len(p.remove) != 1 {
		t.Errorf("deletes %d pods, want one", len(p.remove))
	}
	starting := pod("c", "n1", "new")
	starting.Status.Conditions = nil
	if p := planFor(nodes, starting, pod("b", "n2", "old")); len(p.remove) != 0 {
		t.Errorf("deletes %v while the first is not available", p.remove)
	}
}

func TestPodsThatEndAtOnceAreReplacedEverMoreSlowly(t *testing.T) {
	failures := flowcontrol.NewBackOff(firstDelay, maxDelay)
	failed := pod("a", "n1", "new")
	failed.Status.Phase = corev1.PodFailed
	set := &appsv1.DaemonSet{}
	first := planFor([]*corev1.Node{node("n1")}, failed)
	hold(failures, set, &first, now)
	again := planFor([]*corev1.Node{node("n1")}, failed)
	hold(failures, set, &again, now)
	if len(first.remove) != 1 || len(again.remove) != 0 || again.wait != firstDelay {
		t.Errorf("deletes %d, then %d and waits %s", len(first.remove), len(again.remove), again.wait)
	}
}

// A node whose pod has failed got another one at each look while the failed one had to wait: hundreds in a few seconds.
func TestNoPodIsMadeBesideOneThatFailed(t *testing.T) {
	failed := pod("a", "n1", "new")
	failed.Status.Phase = corev1.PodFailed
	if p := planFor([]*corev1.Node{node("n1")}, failed); len(p.create) != 0 || len(p.remove) != 1 {
		t.Errorf("creates on %v, deletes %d", p.create, len(p.remove))
	}
}

// Which node comes next is not left to chance: those where the daemon is out of order, then by name.
func TestNodesAreReplacedInOrder(t *testing.T) {
	for range 20 {
		set := &appsv1.DaemonSet{Spec: appsv1.DaemonSetSpec{UpdateStrategy: rollingBy(intstr.FromInt32(3), intstr.FromInt32(0))}}
		var nodes []*corev1.Node
		var pods []*corev1.Pod
		for _, name := range []string{"n4", "n1", "n5", "n3", "n2"} {
			nodes, pods = append(nodes, node(name)), append(pods, pod("p-"+name, name, "old"))
		}
		pods[0].Status.Conditions = nil
		if diff := gocmp.Diff([]string{"n4", "n1", "n2"}, planOf(set, "new", nodes, pods).create); diff != "" {
			t.Fatalf("-want +got:\n%s", diff)
		}
	}
}

// While a pod runs beside its successor, the older one speaks for the node: a rollout is not done before it is gone.
func TestSurgeIsUpdatedWhenTheOlderPodIsGone(t *testing.T) {
	set := &appsv1.DaemonSet{}
	set.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateDaemonSet{MaxSurge: &intstr.IntOrString{IntVal: 1}, MaxUnavailable: &intstr.IntOrString{}}
	older, newer := pod("a", "n", "old"), pod("b", "n", "new")
	older.CreationTimestamp, newer.CreationTimestamp = metav1.NewTime(now.Add(-time.Hour)), metav1.NewTime(now)
	newer.Status.Conditions = nil
	nodes := []*corev1.Node{node("n")}
	status := planOf(set, "new", nodes, []*corev1.Pod{older, newer}).status
	if status.UpdatedNumberScheduled != 0 || status.NumberAvailable != 1 {
		t.Errorf("beside its successor: %+v", status)
	}
	older.DeletionTimestamp = &metav1.Time{Time: now}
	if status = planOf(set, "new", nodes, []*corev1.Pod{older, newer}).status; status.UpdatedNumberScheduled != 0 {
		t.Errorf("while it ends: %+v", status)
	}
	if status = planOf(set, "new", nodes, []*corev1.Pod{newer}).status; status.UpdatedNumberScheduled != 1 || status.NumberAvailable != 0 {
		t.Errorf("when it is gone: %+v", status)
	}
}
