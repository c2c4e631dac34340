package queue

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// nodeAdded is what helps pods that the plugin Fit has refused.
var nodeAdded = fwk.ClusterEvent{Resource: fwk.Node, ActionType: fwk.Add}

// fixture is a queue on a clock that stands still.
type fixture struct {
	*testing.T
	*Queue
	clock *testclock.FakeClock
}

func newFixture(t *testing.T) *fixture {
	fake := testclock.NewFakeClock(time.Unix(1000, 0))
	q := &Queue{
		Clock: fake,
		Less: func(a, b fwk.QueuedPodInfo) bool {
			return priority(a) > priority(b) || priority(a) == priority(b) && a.GetTimestamp().Before(b.GetTimestamp())
		},
		Gate: func(_ context.Context, pod *corev1.Pod) string {
			if len(pod.Spec.SchedulingGates) > 0 {
				return "SchedulingGates"
			}
			return ""
		},
		Hints: map[string][]fwk.ClusterEventWithHint{
			"Fit": {{Event: nodeAdded}, {Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.UpdatePodToleration}}},
			"Picky": {{
				Event: fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete},
				QueueingHintFn: func(_ klog.Logger, pod *corev1.Pod, old, _ any) (fwk.QueueingHint, error) {
					if old.(*corev1.Pod).Namespace == pod.Namespace {
						return fwk.Queue, nil
					}
					return fwk.QueueSkip, nil
				},
			}},
		},
	}
	q.Init()
	return &fixture{T: t, Queue: q, clock: fake}
}

func priority(info fwk.QueuedPodInfo) int32 {
	if p := info.GetPodInfo().GetPod().Spec.Priority; p != nil {
		return *p
	}
	return 0
}

func pod(name string, change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), ResourceVersion: "1", Generation: 1}}
	for _, f := range change {
		f(p)
	}
	return p
}

func gated(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "wait"}} }

// changed is what may help a pod that Fit has refused.
func changed(p *corev1.Pod) {
	p.Generation++
	p.Spec.Tolerations = append(p.Spec.Tolerations, corev1.Toleration{Key: fmt.Sprint(p.Generation)})
}

func (f *fixture) add(pods ...*corev1.Pod) {
	for _, p := range pods {
		f.Add(f.Context(), p)
	}
}

// pops expects the names to come next, and then nothing.
func (f *fixture) pops(names ...string) {
	f.Helper()
	for _, name := range names {
		p, _ := f.tryPop()
		if p == nil || p.GetPod().Name != name {
			f.Fatalf("popped %v, want %s", p, name)
		}
	}
	if p, _ := f.tryPop(); p != nil {
		f.Fatalf("popped %s, want nothing", p.GetPod().Name)
	}
}

func TestOrder(t *testing.T) {
	f := newFixture(t)
	f.add(pod("first"))
	f.clock.Step(time.Millisecond)
	f.add(pod("second"))
	f.add(pod("urgent", func(p *corev1.Pod) { p.Spec.Priority = new(int32); *p.Spec.Priority = 10 }))
	f.pops("urgent", "first", "second")
}

func TestGate(t *testing.T) {
	f := newFixture(t)
	f.add(pod("held", gated))
	f.pops()
	f.Move(nodeAdded, nil, nil)
	f.Activate("held")
	f.pops()
	f.add(pod("held", changed))
	f.pops("held")
}

func TestWaitsForAnEventThatHelps(t *testing.T) {
	f := newFixture(t)
	f.add(pod("big"))
	f.pops("big")
	f.Failed("big", sets.New("Fit"))
	f.clock.Step(4 * time.Minute)
	f.pops()
	f.Move(fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, pod("other"), nil)
	f.pops()
	f.Move(nodeAdded, nil, nil)
	f.pops("big")
}

func TestHintDecides(t *testing.T) {
	f := newFixture(t)
	f.add(pod("picky"))
	f.pops("picky")
	f.Failed("picky", sets.New("Picky"))
	f.clock.Step(time.Minute)
	deleted := fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}
	f.Move(deleted, pod("far", func(p *corev1.Pod) { p.Namespace = "elsewhere" }), nil)
	f.pops()
	f.Move(deleted, pod("near"), nil)
	f.pops("picky")
}

// An event between Pop and Failed is one that the attempt has not seen: without it the pod would wait for ever.
func TestEventDuringTheAttempt(t *testing.T) {
	f := newFixture(t)
	f.Move(nodeAdded, nil, nil) // before: the attempt sees its effect
	f.add(pod("a"), pod("b"))
	f.pops("a", "b")
	f.Failed("a", sets.New("Fit"))
	f.Move(nodeAdded, nil, nil)
	f.Failed("b", sets.New("Fit"))
	if len(f.recent) != 0 {
		t.Errorf("%d events are kept with no pod in flight", len(f.recent))
	}
	f.clock.Step(time.Second)
	f.pops("a", "b")
	f.Failed("a", sets.New("Fit"))
	f.clock.Step(time.Minute)
	f.pops()
}

// A change of the pod itself during its attempt may help as well.
func TestChangeDuringTheAttempt(t *testing.T) {
	f := newFixture(t)
	f.add(pod("a"))
	tried, _ := f.tryPop()
	f.add(pod("a", changed))
	if tried.GetPod().Generation != 1 {
		t.Error("the pod of an attempt changed under it")
	}
	f.Failed("a", sets.New("Fit"))
	f.clock.Step(time.Second)
	f.pops("a")
	f.Failed("a", sets.New("Fit"))
	f.clock.Step(time.Minute)
	f.pops()
}

// A pod that took less during its attempt waited for five minutes: it was screened out as one that gives up room which it had itself.
func TestOwnChangesAreNotScreened(t *testing.T) {
	f := newFixture(t)
	f.Screen = func(fwk.ClusterEvent, any, any) func(*state.PodInfo, string) bool {
		return func(*state.PodInfo, string) bool { return false }
	}
	f.add(pod("a"))
	f.pops("a")
	f.Move(nodeAdded, nil, nil)
	f.Failed("a", sets.New("Fit"))
	f.clock.Step(time.Minute)
	f.pops()
	f.add(pod("a", changed))
	f.pops("a")
	f.add(pod("a", changed, changed)) // during the attempt
	f.Failed("a", sets.New("Fit"))
	f.clock.Step(time.Minute)
	f.pops("a")
}

func TestChangeWhileWaiting(t *testing.T) {
	f := newFixture(t)
	f.add(pod("a"))
	f.pops("a")
	f.Failed("a", sets.New("Fit"))
	f.clock.Step(time.Minute)
	f.add(pod("a")) // its status changed, say
	f.pops()
	f.add(pod("a", changed))
	f.pops("a")
	f.Failed("a", sets.New("Fit"))
	f.clock.Step(time.Minute)
	f.add(pod("a", changed, changed))
	f.pops("a")
}

// Whether a change of the pod helps it is for the plugins to say that have refused it: each change of a label was an attempt.
func TestChangeThatHelpsNobody(t *testing.T) {
	f := newFixture(t)
	var told []string
	f.Incoming = func(event, queue string) { told = append(told, event+" "+queue) }
	red := func(p *corev1.Pod) { p.Generation++; p.Labels = map[string]string{"team": "red"} }
	f.add(pod("a"))
	f.pops("a")
	f.add(pod("a", red)) // during the attempt
	f.Failed("a", sets.New("Fit"))
	f.clock.Step(time.Minute)
	f.pops()
	f.add(pod("a"))
	f.pops()
	f.add(pod("a", changed))
	f.pops("a")
	f.add(pod("held", gated))
	f.add(pod("held"))
	want := []string{
		"UnschedulablePodAdd active", "ScheduleAttemptFailure unschedulable", "UnschedulablePodUpdatePodToleration active",
		"UnschedulablePodAdd unschedulable", "UnschedulablePodUpdatePodSchedulingGatesEliminated active",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("what came where (-want +got):\n%s", diff)
	}
}

// A pod that is tried before its backoff is over is counted by a name of its own.
func TestTriedEarlyIsCountedSo(t *testing.T) {
	f := newFixture(t)
	var told []string
	f.Incoming = func(event, queue string) { told = append(told, event+" "+queue) }
	f.add(pod("a"))
	f.pops("a")
	f.Failed("a", sets.New("Fit"))
	f.Move(nodeAdded, nil, nil)
	f.Eager = true
	f.pops("a")
	want := []string{"UnschedulablePodAdd active", "ScheduleAttemptFailure unschedulable", "NodeAdd backoff", "PopFromBackoffQ active"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("what came where (-want +got):\n%s", diff)
	}
}

// What a plugin asks for during an attempt is not lost.
func TestActivateDuringTheAttempt(t *testing.T) {
	for name, ask := range map[string]func(*Queue, types.UID){"Activate": (*Queue).Activate, "Retry": (*Queue).Retry} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.add(pod("a"))
			f.pops("a")
			ask(f.Queue, "a")
			f.Failed("a", sets.New("Fit"))
			f.pops()
			f.clock.Step(time.Second)
			f.pops("a")
			f.Failed("a", sets.New("Fit"))
			f.clock.Step(time.Minute)
			f.pops()
		})
	}
}

func TestRetryKeepsTheBackoff(t *testing.T) {
	f := newFixture(t)
	f.add(pod("a"), pod("held", gated))
	f.pops("a")
	for _, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		f.Failed("a", sets.New("Fit"))
		for range 2 {
			f.Retry("a")
			f.Retry("held")
			f.Retry("unknown")
		}
		f.clock.Step(want*time.Second - 1)
		f.pops()
		f.clock.Step(1)
		f.pops("a")
	}
}

// A binding may take minutes. Nothing is kept meanwhile, so a pod whose binding fails does not wait for an event.
func TestBindingKeepsNoEvents(t *testing.T) {
	f := newFixture(t)
	f.add(pod("a"), pod("gone"))
	f.pops("a", "gone")
	f.Move(nodeAdded, nil, nil)
	f.Binding("a")
	f.Binding("gone")
	f.Move(nodeAdded, nil, nil)
	if len(f.flight)+len(f.recent) != 0 {
		t.Errorf("%d pods are in flight, %d events are kept", len(f.flight), len(f.recent))
	}
	if !f.Has("a") {
		t.Error("a pod that is being bound is said to be gone")
	}
	f.Remove("gone")
	if f.Failed("gone", nil) {
		t.Error("a pod that was removed during its binding is said to be there")
	}
	for _, refused := range []sets.Set[string]{sets.New("Fit"), nil} {
		if !f.Failed("a", refused) {
			t.Fatal("a pod whose binding failed is said to be gone")
		}
		f.pops()
		f.clock.Step(10 * time.Second)
		f.pops("a")
		f.Binding("a")
	}
	f.Done("a")
	if f.Has("a") {
		t.Error("a bound pod is still there")
	}
}

func TestBackoffDoubles(t *testing.T) {
	f := newFixture(t)
	f.add(pod("a"))
	f.pops("a")
	for attempt, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		f.Failed("a", nil) // an error: tried again without an event
		_, next := f.tryPop()
		if got := next.Sub(f.clock.Now()); got != want*time.Second {
			t.Fatalf("attempt %d is followed by a wait of %s, want %ds", attempt+1, got, want)
		}
		f.clock.Step(want*time.Second - 1)
		f.pops()
		f.clock.Step(1)
		f.pops("a")
	}
}

func TestEager(t *testing.T) {
	f := newFixture(t)
	f.Eager = true
	for _, name := range []string{"a", "b", "broken"} {
		f.add(pod(name))
		f.pops(name)
	}
	f.Failed("broken", nil)
	for _, name := range []types.UID{"a", "b"} {
		f.clock.Step(time.Millisecond)
		f.Failed(name, sets.New("Fit"))
	}
	f.Move(nodeAdded, nil, nil)
	f.add(pod("new"))
	f.pops("new", "a", "b") // and not the one that met an error
	f.clock.Step(time.Second)
	f.pops("broken")
	f.Calm("a")
	f.Failed("a", sets.New("Fit"))
	f.Move(nodeAdded, nil, nil)
	f.pops()
	f.clock.Step(2 * time.Second)
	f.pops("a")
}

func TestRemoved(t *testing.T) {
	f := newFixture(t)
	for _, name := range []string{"active", "waiting", "backing-off", "in-flight"} {
		f.add(pod(name))
	}
	for range 4 {
		_, _ = f.tryPop()
	}
	f.Failed("waiting", sets.New("Fit"))
	f.Failed("backing-off", nil)
	f.Failed("active", sets.New("Fit"))
	f.Activate("active")
	for _, name := range []types.UID{"active", "waiting", "backing-off", "in-flight", "unknown"} {
		f.Remove(name)
	}
	if f.Failed("in-flight", sets.New("Fit")) {
		t.Error("a pod that was removed during its attempt is said to be there")
	}
	f.Move(nodeAdded, nil, nil)
	f.clock.Step(time.Hour)
	f.pops()
	if len(f.Queue.pods)+len(f.flight)+len(f.recent) != 0 {
		t.Error("something of removed pods is kept")
	}
}

// watchedClock tells when somebody sets a timer.
type watchedClock struct {
	*testclock.FakeClock
	set chan struct{}
}

func (c watchedClock) NewTimer(d time.Duration) clock.Timer {
	timer := c.FakeClock.NewTimer(d)
	c.set <- struct{}{}
	return timer
}

func TestPopWaits(t *testing.T) {
	f := newFixture(t)
	timers := make(chan struct{}, 10)
	f.Queue.Clock = watchedClock{f.clock, timers}
	popped := make(chan *Pod)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for {
			p := f.Pop(ctx)
			popped <- p
			if p == nil {
				return
			}
		}
	}()
	f.add(pod("a"))
	if p := <-popped; p.GetPod().Name != "a" {
		t.Fatalf("popped %s", p.GetPod().Name)
	}
	f.Failed("a", nil)
	<-timers // Pop has set its timer
	f.clock.Step(time.Second)
	if p := <-popped; p.Attempts != 2 {
		t.Errorf("%d attempts, want 2", p.Attempts)
	}
	cancel()
	if p := <-popped; p != nil {
		t.Errorf("popped %s after the end", p.GetPod().Name)
	}
}
