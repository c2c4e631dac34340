package daemonset

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// world is the nodes and daemon pods that there are.
type world struct {
	random *rand.Rand
	nodes  map[string]*corev1.Node
	pods   map[string]*corev1.Pod
	made   int
}

// change changes something and returns the place where.
func (w *world) change(now time.Time) string {
	name := fmt.Sprintf("n%d", w.random.IntN(8))
	switch w.random.IntN(8) {
	case 0:
		delete(w.nodes, name)
	case 1:
		w.nodes[name] = node(name)
	case 2:
		effects := []corev1.TaintEffect{corev1.TaintEffectNoSchedule, corev1.TaintEffectNoExecute, corev1.TaintEffectPreferNoSchedule}
		w.nodes[name] = node(name, corev1.Taint{Key: "t", Effect: effects[w.random.IntN(3)]})
	case 3, 4:
		w.made++
		made := pod(fmt.Sprintf("p%d", w.made), name, []string{"new", "old"}[w.random.IntN(2)])
		if made.CreationTimestamp = metav1.NewTime(now); w.random.IntN(3) == 0 { // not bound yet
			made.Spec.NodeName = ""
			pinTo(&made.Spec, name)
		}
		w.pods[made.Name] = made
	default:
		if keys := slices.Sorted(maps.Keys(w.pods)); len(keys) > 0 {
			key := keys[w.random.IntN(len(keys))]
			one := w.pods[key]
			changed := one.DeepCopy()
			switch w.random.IntN(7) {
			case 0, 5, 6:
				delete(w.pods, key)
				return nodeOf(one)
			case 1:
				changed.DeletionTimestamp = ptr.To(metav1.NewTime(now))
			case 2:
				changed.Status.Phase = []corev1.PodPhase{corev1.PodFailed, corev1.PodSucceeded, corev1.PodRunning}[w.random.IntN(3)]
			case 3:
				changed.Status.Conditions = nil
			default:
				changed.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(now)}}
			}
			w.pods[key] = changed
			return nodeOf(changed)
		}
	}
	return name
}

// on lists the pods of a place.
func (w *world) on(name string) (pods []*corev1.Pod) {
	for _, one := range w.pods {
		if nodeOf(one) == name {
			pods = append(pods, one)
		}
	}
	return pods
}

func (w *world) all() (nodes []corev1.Node, pods []*corev1.Pod) {
	for _, n := range w.nodes {
		nodes = append(nodes, *n)
	}
	for _, one := range w.pods {
		pods = append(pods, one)
	}
	return nodes, pods
}

// comparable is a plan whose choice among equals does not matter.
func comparable(p plan, rolls bool) any {
	names := func(pods []*corev1.Pod) (out []types.UID) {
		for _, pod := range pods {
			out = append(out, pod.UID)
		}
		slices.SortFunc(out, cmp.Compare)
		return out
	}
	slices.Sort(p.create)
	if rolls {
		return []any{len(p.create), len(p.remove), names(p.ended), p.status, p.wait}
	}
	return []any{p.create, names(p.remove), names(p.ended), p.status, p.wait}
}

// A board that was told of each change comes to what one says that looks at everything.
func TestBoardKeepsUp(t *testing.T) {
	for _, set := range []*appsv1.DaemonSet{
		{},
		{Spec: appsv1.DaemonSetSpec{UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.OnDeleteDaemonSetStrategyType}}},
		{Spec: appsv1.DaemonSetSpec{MinReadySeconds: 5, UpdateStrategy: rollingBy(intstr.FromInt32(2), intstr.FromInt32(0))}},
		{Spec: appsv1.DaemonSetSpec{MinReadySeconds: 5, UpdateStrategy: rollingBy(intstr.FromInt32(0), intstr.FromString("30%"))}},
		{Spec: appsv1.DaemonSetSpec{UpdateStrategy: rollingBy(intstr.FromString("30%"), intstr.FromInt32(0))}},
	} {
		w := &world{random: rand.New(rand.NewPCG(1, 2)), nodes: map[string]*corev1.Node{}, pods: map[string]*corev1.Pod{}}
		kept, at := newBoard(rulesOf(set, "new")), now
		for step := range 400 {
			place := w.change(at)
			kept.put(place, w.nodes[place], w.on(place), at)
			if step%7 == 0 {
				at = at.Add(time.Second)
			}
			for name, p := range kept.due {
				if !at.Before(p.due) {
					kept.put(name, w.nodes[name], w.on(name), at)
				}
			}
			nodes, pods := w.all()
			full := fullBoard(kept.rules, nodes, pods, at)
			rolls := len(full.todo) == 0
			if diff := gocmp.Diff(comparable(full.plan(set, at), rolls), comparable(kept.plan(set, at), rolls)); diff != "" {
				t.Fatalf("after step %d, at %s: -from scratch +kept:\n%s", step, place, diff)
			}
			if diff := gocmp.Diff(full.hashes, kept.hashes); diff != "" || len(full.pods) != len(kept.pods) {
				t.Fatalf("after step %d: pods of revisions: %s", step, diff)
			}
		}
	}
}

func rollingBy(surge, unavailable intstr.IntOrString) appsv1.DaemonSetUpdateStrategy {
	return appsv1.DaemonSetUpdateStrategy{
		Type: appsv1.RollingUpdateDaemonSetStrategyType, RollingUpdate: &appsv1.RollingUpdateDaemonSet{MaxSurge: &surge, MaxUnavailable: &unavailable},
	}
}

// What a change of one pod costs, by the number of nodes.
func BenchmarkChangeOfOnePod(b *testing.B) {
	set := &appsv1.DaemonSet{Spec: appsv1.DaemonSetSpec{UpdateStrategy: rollingBy(intstr.FromInt32(0), intstr.FromInt32(1))}}
	for _, count := range []int{20, 200, 2000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			var nodes []corev1.Node
			var pods []*corev1.Pod
			for i := range count {
				nodes = append(nodes, *node(fmt.Sprintf("n%d", i)))
				pods = append(pods, pod(fmt.Sprintf("p%d", i), nodes[i].Name, "new"))
			}
			kept := fullBoard(rulesOf(set, "new"), nodes, pods, now)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i = (i + 1) % count
				kept.put(nodes[i].Name, &nodes[i], pods[i:i+1], now)
				if got := kept.plan(set, now); got.status.NumberReady != int32(count) {
					b.Fatal(got)
				}
			}
		})
	}
}

// A pod that gets to a node for which it was not made changes two places, which are looked at in any order.
func TestBoardKnowsPodsThatMoved(t *testing.T) {
	b := newBoard(rulesOf(&appsv1.DaemonSet{}, "new"))
	before := pod("p", "", "new")
	b.put("", nil, []*corev1.Pod{before}, now)
	after := before.DeepCopy()
	after.Spec.NodeName = "n1"
	b.put("n1", node("n1"), []*corev1.Pod{after}, now)
	b.put("", nil, nil, now)
	if there, _ := b.has(after.UID); !there {
		t.Error("the pod is not known at its new place")
	}
}

// Where pods may stay but none is to be started, an old pod still goes when its successor has been ready for long enough.
func TestBoardKnowsWhenASuccessorIsAvailable(t *testing.T) {
	set := &appsv1.DaemonSet{Spec: appsv1.DaemonSetSpec{MinReadySeconds: 5, UpdateStrategy: rollingBy(intstr.FromInt32(1), intstr.FromInt32(0))}}
	cordoned := node("n1", corev1.Taint{Key: "t", Effect: corev1.TaintEffectNoSchedule})
	old, successor := pod("old", "n1", "old"), pod("successor", "n1", "new")
	successor.Status.Conditions[0].LastTransitionTime = metav1.NewTime(now)
	b := newBoard(rulesOf(set, "new"))
	b.put("n1", cordoned, []*corev1.Pod{old, successor}, now)
	if p := b.plan(set, now); len(p.remove) > 0 || p.wait != 5*time.Second || b.due["n1"] == nil {
		t.Errorf("removes %d, waits %s", len(p.remove), p.wait)
	}
}
