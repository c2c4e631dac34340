package scheduler

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ranked returns a pod with a priority.
func ranked(name, cpu string, priority int32) *corev1.Pod {
	p := pod(name, cpu)
	p.Spec.Priority = &priority
	return p
}

// runs puts a pod on a node. It takes its time to end when it is asked to.
func (f *fixture) runs(p *corev1.Pod, on string) *corev1.Pod {
	f.Helper()
	p.Spec.NodeName, p.Finalizers = on, []string{"example.com/ends-slowly"}
	if err := f.Client.Create(f.Context(), p); err != nil {
		f.Fatal(err)
	}
	f.podChanged(f.Context(), nil, p)
	return p
}

// sees tells the scheduler what has become of pods.
func (f *fixture) sees(known ...*corev1.Pod) {
	f.Helper()
	for _, old := range known {
		f.podChanged(f.Context(), old, f.read(old.Name))
	}
}

// ended lists the names of the pods that were asked to end, of those that there are.
func (f *fixture) ended() []string {
	f.Helper()
	var list corev1.PodList
	if err := f.Client.List(f.Context(), &list); err != nil {
		f.Fatal(err)
	}
	var names []string
	for i := range list.Items {
		if list.Items[i].DeletionTimestamp != nil {
			names = append(names, list.Items[i].Name)
		}
	}
	slices.Sort(names)
	return names
}

func (f *fixture) expectEnded(names ...string) {
	f.Helper()
	if diff := cmp.Diff(names, f.ended()); diff != "" {
		f.Errorf("pods that were asked to end (-want +got):\n%s", diff)
	}
}

func (f *fixture) events() []string {
	var events []string
	for len(f.recorder.Events) > 0 {
		events = append(events, <-f.recorder.Events)
	}
	return events
}

func TestPreempts(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	f.runs(ranked("low", "1", 10), "a")
	lower := f.runs(ranked("lower", "1", 5), "a")
	high := ranked("high", "1", 100)
	f.comes(high)
	events := append([]string{f.tries()}, f.events()...)
	slices.Sort(events)
	want := []string{"Normal Preempted Preempted by pod high on node a", "Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu."}
	if diff := cmp.Diff(want, events); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	f.expectEnded("lower")
	wantCondition := []corev1.PodCondition{{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, Reason: "PreemptionByScheduler", ObservedGeneration: 1,
		Message: "default-scheduler: preempting to accommodate a higher priority pod", LastTransitionTime: metav1.NewTime(f.clock.Now()).Rfc3339Copy(),
	}}
	if diff := cmp.Diff(wantCondition, f.read("lower").Status.Conditions); diff != "" {
		t.Errorf("the victim's conditions (-want +got):\n%s", diff)
	}
	f.same("nominated", f.read("high").Status.NominatedNodeName, "a")

	// While the victim ends, the room is kept: nobody of a lower priority gets it, and the pod itself does not preempt again.
	f.sees(high, lower)
	f.comes(ranked("mid", "1", 7))
	f.same("another", f.tries(), "Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Insufficient cpu.")
	f.clock.Step(time.Minute)
	f.queue.Activate("high")
	f.same("too early", f.tries(), "Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to a terminating pod on the nominated node.")
	f.same("still nominated", f.read("high").Status.NominatedNodeName, "a")
	f.clock.Step(time.Minute)
	f.podDeleted(f.read("lower"))
	f.same("room", f.tries(), "Normal Scheduled Successfully assigned default/high to a")
	f.expectEnded("lower")
}

func TestNeverPreempts(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	f.runs(ranked("low", "2", 1), "a")
	polite := ranked("polite", "1", 100)
	polite.Spec.PreemptionPolicy = ptr.To(corev1.PreemptNever)
	f.comes(polite)
	f.same("the event", f.tries(), "Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: not eligible due to preemptionPolicy=Never.")
	f.expectEnded()
}

// Among nodes the one is chosen where it costs least.
func TestChoice(t *testing.T) {
	started := func(p *corev1.Pod, second int64) *corev1.Pod {
		p.Status.StartTime = &metav1.Time{Time: time.Unix(second, 0)}
		return p
	}
	budgeted := func(p *corev1.Pod) *corev1.Pod {
		p.Labels = map[string]string{"app": "precious"}
		return p
	}
	for _, c := range []struct {
		reason string
		a, b   []*corev1.Pod
		want   []string
	}{
		{"no budget is violated", []*corev1.Pod{budgeted(ranked("a1", "2", 1))}, []*corev1.Pod{ranked("b1", "2", 50)}, []string{"b1"}},
		{"the most important victim is the least important", []*corev1.Pod{ranked("a1", "1", 9), ranked("a2", "1", 9)}, []*corev1.Pod{ranked("b1", "2", 10)}, []string{"a1", "a2"}},
		{"the sum is lower", []*corev1.Pod{ranked("a1", "1", 10), ranked("a2", "1", 8)}, []*corev1.Pod{ranked("b1", "1", 10), ranked("b2", "1", 9)}, []string{"a1", "a2"}},
		{"there are fewer", []*corev1.Pod{ranked("a1", "1", 10), ranked("a2", "1", 10)}, []*corev1.Pod{ranked("b1", "2", 10)}, []string{"b1"}},
		{"it has run for a shorter time", []*corev1.Pod{started(ranked("a1", "2", 10), 100)}, []*corev1.Pod{started(ranked("b1", "2", 10), 200)}, []string{"b1"}},
	} {
		t.Run(c.reason, func(t *testing.T) {
			f := newFixture(t)
			f.nodes("a", "b")
			budget := &policyv1.PodDisruptionBudget{
				ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "b"},
				Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "precious"}}},
			}
			if err := f.Client.Create(t.Context(), budget); err != nil {
				t.Fatal(err)
			}
			for _, p := range c.a {
				f.runs(p, "a")
			}
			for _, p := range c.b {
				f.runs(p, "b")
			}
			f.comes(ranked("high", "2", 100))
			f.tries()
			f.expectEnded(c.want...)
		})
	}
}

// On a node those are spared first that a budget protects, then the more important ones.
func TestSpares(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	precious := ranked("precious", "1", 1)
	precious.Labels = map[string]string{"app": "precious"}
	f.runs(precious, "a")
	f.runs(ranked("common", "1", 10), "a")
	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "b"},
		Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: precious.Labels}},
	}
	if err := f.Client.Create(t.Context(), budget); err != nil {
		t.Fatal(err)
	}
	f.comes(ranked("high", "1", 100))
	f.tries()
	f.expectEnded("common")
}

// A more important pod takes over the room that was made for a lesser one, whose nomination is withdrawn.
func TestOutdone(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	low := f.runs(ranked("low", "2", 1), "a")
	mid := ranked("mid", "2", 50)
	f.comes(mid)
	f.tries()
	f.sees(mid, low)
	f.same("first", f.read("mid").Status.NominatedNodeName, "a")
	f.comes(ranked("high", "2", 100))
	f.tries()
	f.same("withdrawn", f.read("mid").Status.NominatedNodeName, "")
	f.same("instead", f.read("high").Status.NominatedNodeName, "a")
	f.stands("mid", "backing off") // to find another place
	if err := f.Client.Delete(t.Context(), f.read("mid")); client.IgnoreNotFound(err) != nil {
		t.Fatal(err)
	}
}

// A pod that could not make room is tried again, but each time later.
func TestEvictionFails(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	f.runs(ranked("low", "2", 1), "a")
	f.comes(ranked("high", "2", 100))
	f.evictErr = errors.New("the API is away")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, wait := range []time.Duration{1, 2, 4} {
		f.same("the event", f.tries(), "Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu.")
		f.clock.Step(wait*time.Second - 1)
		if next := f.queue.Pop(over); next != nil {
			t.Fatalf("%s is tried again too early", next.GetPod().Name)
		}
		f.clock.Step(1)
	}
	f.expectEnded()
	f.evictErr = nil
	f.tries()
	f.expectEnded("low")
}

// When a pod started is written later than where it runs: what is remembered of its node does not hide that.
func TestChoosesByWhenPodsStartedSince(t *testing.T) {
	for latest := range 4 {
		f := newFixture(t)
		for i := range 4 {
			f.nodes(fmt.Sprint("n", i))
			f.runs(ranked(fmt.Sprint("p", i), "2", 10), fmt.Sprint("n", i))
		}
		f.deleting = make(chan error, 1)
		f.deleting <- errors.New("not now")
		f.comes(ranked("first", "2", 100)) // by which all nodes are remembered
		f.tries()
		f.expectEnded()
		f.deleting = nil
		for i := range 4 {
			p := f.read(fmt.Sprint("p", i))
			old := p.DeepCopy()
			p.Status.StartTime = &metav1.Time{Time: time.Unix(100, 0)}
			if i == latest {
				p.Status.StartTime = &metav1.Time{Time: time.Unix(200, 0)}
			}
			if err := f.Client.Status().Update(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			f.podChanged(t.Context(), old, p)
		}
		f.podDeleted(f.read("first"))
		f.comes(ranked("second", "2", 100))
		f.tries()
		f.expectEnded(fmt.Sprint("p", latest))
	}
}
