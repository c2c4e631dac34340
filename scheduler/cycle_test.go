package scheduler

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/client-go/tools/events"
	fwk "k8s.io/kube-scheduler/framework"
	"k8s.io/utils/clock"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/coxswain-k8s/coxswain/scheduler/metrics"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

const (
	noVictims  = "no new claims to deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found for incoming pod."
	notHelpful = "no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
)

// fixture is a scheduler whose cluster is fed to it by hand.
type fixture struct {
	*testing.T
	*Scheduler
	clock    *testclock.FakeClock
	recorder *events.FakeRecorder
	bindErr  error
	evictErr error
	deleting chan error // answers deletions, if there is one
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{T: t, clock: testclock.NewFakeClock(time.Unix(1000, 0)), recorder: events.NewFakeRecorder(100)}
	api := fake.NewClientBuilder().WithStatusSubresource(&corev1.Pod{}, &resourcev1.ResourceClaim{}).WithInterceptorFuncs(interceptor.Funcs{
		SubResourceCreate: func(ctx context.Context, c client.Client, _ string, object, binding client.Object, _ ...client.SubResourceCreateOption) error {
			if f.bindErr != nil {
				return f.bindErr
			}
			pod := &corev1.Pod{}
			if err := c.Get(ctx, client.ObjectKeyFromObject(object), pod); err != nil {
				return err
			}
			pod.Spec.NodeName = binding.(*corev1.Binding).Target.Name
			return c.Update(ctx, pod)
		},
		Delete: func(ctx context.Context, c client.WithWatch, object client.Object, options ...client.DeleteOption) error {
			if f.evictErr != nil {
				return f.evictErr
			}
			if f.deleting != nil {
				if err := <-f.deleting; err != nil {
					return err
				}
			}
			return c.Delete(ctx, object, options...)
		},
	}).Build()
	f.Scheduler = &Scheduler{Client: api, Recorder: func(string) events.EventRecorderLogger { return recorderLogger{f.recorder} }, Clock: f.clock, Metrics: metrics.New()}
	if err := f.init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

// recorderLogger is a FakeRecorder with the method that nobody calls here.
type recorderLogger struct{ *events.FakeRecorder }

func (f *fixture) nodes(names ...string) {
	for _, name := range names {
		f.nodeAdded(node(name))
	}
}

func node(name string) *corev1.Node {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}, Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("2"), corev1.ResourceMemory: resource.MustParse("4Gi"), corev1.ResourcePods: resource.MustParse("10"),
	}}}
}

func pod(name, cpu string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name), Generation: 1},
		Spec: corev1.PodSpec{SchedulerName: corev1.DefaultSchedulerName, Containers: []corev1.Container{{
			Name: "main", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse(cpu)}},
		}}},
	}
}

// comes creates a pod and tells the scheduler.
func (f *fixture) comes(p *corev1.Pod) {
	f.Helper()
	if err := f.Client.Create(f.Context(), p); err != nil {
		f.Fatal(err)
	}
	f.podChanged(f.Context(), nil, p)
}

// tries makes one attempt with the next pod, and returns the event that it ends with.
func (f *fixture) tries() string {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), time.Minute)
	defer cancel()
	next := f.queue.Pop(ctx)
	if next == nil {
		f.Fatal("no pod is to be tried")
	}
	f.scheduleOne(f.Context(), next)
	f.binding.Wait()
	select {
	case event := <-f.recorder.Events:
		return event
	default:
		return ""
	}
}

func (f *fixture) read(name string) *corev1.Pod {
	f.Helper()
	p := &corev1.Pod{}
	if err := f.Client.Get(f.Context(), client.ObjectKey{Namespace: "default", Name: name}, p); err != nil {
		f.Fatal(err)
	}
	return p
}

func (f *fixture) same(what, got, want string) {
	f.Helper()
	if got != want {
		f.Errorf("%s: %q, want %q", what, got, want)
	}
}

func TestBinds(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	f.comes(pod("p", "1"))
	f.same("the event", f.tries(), "Normal Scheduled Successfully assigned default/p to a")
	f.same("the node", f.read("p").Spec.NodeName, "a")
	f.comes(pod("q", "1500m")) // what is bound counts before the informer shows it
	f.same("the event", f.tries(), "Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu. "+noVictims)
}

func TestFailsAndIsTriedAgain(t *testing.T) {
	f := newFixture(t)
	f.comes(pod("p", "1"))
	f.same("without nodes", f.tries(), "Warning FailedScheduling no nodes available to schedule pods")
	f.podChanged(t.Context(), nil, f.read("p"))
	f.clock.Step(time.Minute)
	cordoned := node("a")
	cordoned.Spec.Unschedulable = true
	f.nodeAdded(cordoned)
	f.same("cordoned", f.tries(), "Warning FailedScheduling 0/1 nodes are available: 1 node(s) were unschedulable. "+notHelpful)
	want := []corev1.PodCondition{{
		Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", ObservedGeneration: 1,
		Message: "0/1 nodes are available: 1 node(s) were unschedulable. " + notHelpful, LastTransitionTime: metav1.Unix(1000, 0),
	}}
	if diff := cmp.Diff(want, f.read("p").Status.Conditions); diff != "" {
		t.Errorf("the condition (-want +got):\n%s", diff)
	}
	f.clock.Step(time.Minute)
	f.nodeUpdated(cordoned, node("a"))
	f.same("uncordoned", f.tries(), "Normal Scheduled Successfully assigned default/p to a")
}

// A pod of a DaemonSet is looked at on its node only.
func TestNamedNode(t *testing.T) {
	f := newFixture(t)
	f.nodes("a", "b", "c")
	p := pod("p", "9")
	p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{
		{MatchFields: []corev1.NodeSelectorRequirement{{Key: metav1.ObjectNameField, Operator: corev1.NodeSelectorOpIn, Values: []string{"b"}}}},
	}}}}
	f.comes(p)
	f.same("too large", f.tries(), "Warning FailedScheduling 0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) [NodeAffinity]. "+
		"no new claims to deallocate, preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.")
}

func TestRoomAppears(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	first := pod("first", "2")
	first.Spec.NodeName = "a"
	f.podChanged(t.Context(), nil, first)
	f.comes(pod("second", "500m"))
	f.same("full", f.tries(), "Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu. "+noVictims)
	f.clock.Step(time.Minute)

	deleted := first.DeepCopy()
	deleted.DeletionTimestamp, deleted.Generation = &metav1.Time{Time: f.clock.Now()}, 2
	f.podChanged(t.Context(), first, deleted)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if next := f.queue.Pop(ctx); next != nil {
		t.Error("a pod that is asked to end has made no room yet")
	}
	over := deleted.DeepCopy()
	over.Status.Phase = corev1.PodSucceeded
	f.podChanged(t.Context(), deleted, over)
	f.same("over", f.tries(), "Normal Scheduled Successfully assigned default/second to a")
}

func TestResizeMakesRoom(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	before := pod("first", "2")
	before.Spec.NodeName = "a"
	f.podChanged(t.Context(), nil, before)
	f.comes(pod("second", "500m"))
	f.tries()
	f.clock.Step(time.Minute)

	asked := pod("first", "1")
	asked.Spec.NodeName, asked.Generation = "a", 2
	asked.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "main", Resources: before.Spec.Containers[0].Resources.DeepCopy()}}
	f.podChanged(t.Context(), before, asked)
	done := asked.DeepCopy()
	done.Status.ContainerStatuses[0].Resources = &asked.Spec.Containers[0].Resources
	f.podChanged(t.Context(), asked, done)
	f.same("resized", f.tries(), "Normal Scheduled Successfully assigned default/second to a")
}

func TestBindingFails(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	f.bindErr = errors.New("the API is away")
	f.comes(pod("p", "2"))
	f.same("the event", f.tries(), `Warning FailedScheduling running plugin "DefaultBinder": the API is away`)
	f.same("the reason", f.read("p").Status.Conditions[0].Reason, "SchedulerError")
	f.bindErr = nil
	f.clock.Step(time.Second)
	f.same("again", f.tries(), "Normal Scheduled Successfully assigned default/p to a")
}

// A pod that is deleted while it is bound leaves nothing behind, and nobody is told that it failed.
func TestDeletedWhileBinding(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	f.bindErr = errors.New("not found")
	p := pod("p", "2")
	f.comes(p)
	next := f.queue.Pop(t.Context())
	f.podDeleted(p)
	f.scheduleOne(t.Context(), next)
	f.binding.Wait()
	if f.state.Placed("p") || len(f.recorder.Events) != 0 {
		t.Errorf("placed: %t, events: %d", f.state.Placed("p"), len(f.recorder.Events))
	}
}

func TestStrangers(t *testing.T) {
	f := newFixture(t)
	f.nodes("a")
	other := pod("p", "1")
	other.Spec.SchedulerName = "my-scheduler"
	f.comes(other)
	doomed := pod("q", "1")
	doomed.DeletionTimestamp = &metav1.Time{Time: f.clock.Now()}
	f.podChanged(t.Context(), nil, doomed)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if next := f.queue.Pop(ctx); next != nil {
		t.Errorf("%s is not ours to schedule", next.GetPod().Name)
	}
}

func TestMessage(t *testing.T) {
	f := &failure{total: 5, refused: sets.New[string](), verdict: []*fwk.Status{
		fwk.NewStatus(fwk.Unschedulable, "Insufficient cpu", "Insufficient memory"),
		fwk.NewStatus(fwk.Unschedulable, "Insufficient cpu"),
		fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "node(s) were unschedulable"),
		fwk.NewStatus(fwk.UnschedulableAndUnresolvable, "node(s) were unschedulable"),
		fwk.NewStatus(fwk.Unschedulable, "Too many pods"),
	}}
	want := "0/5 nodes are available: 1 Insufficient memory, 1 Too many pods, 2 Insufficient cpu, 2 node(s) were unschedulable."
	if f.String() != want {
		t.Errorf("%s, want %s", f, want)
	}
	f.advice = "preemption: nothing helps"
	if f.String() != want+" preemption: nothing helps" {
		t.Errorf("with advice: %s", f)
	}
}

func TestEnoughNodes(t *testing.T) {
	for all, want := range map[int]int{0: 0, 99: 99, 100: 100, 150: 100, 1000: 420, 5000: 500, 10000: 500} {
		if got := enoughNodes(all, 0); got != want {
			t.Errorf("%d of %d nodes are enough, want %d", got, all, want)
		}
	}
	for share, want := range map[int]int{1: 100, 30: 300, 100: 1000} {
		if got := enoughNodes(1000, share); got != want {
			t.Errorf("of %d %%, %d of 1000 nodes are enough, want %d", share, got, want)
		}
	}
}

func TestBest(t *testing.T) {
	s := state.New()
	for _, name := range []string{"a", "b", "c"} {
		s.SetNode(node(name))
	}
	all, err := s.Snapshot().List()
	if err != nil {
		t.Fatal(err)
	}
	if got := best(all, []int64{1, 3, 2}); got != "b" {
		t.Errorf("the best is %s, want b", got)
	}
	won := map[string]bool{}
	for range 200 {
		won[best(all, []int64{3, 1, 3})] = true
	}
	if diff := cmp.Diff(map[string]bool{"a": true, "c": true}, won); diff != "" {
		t.Errorf("among equals (-want +got):\n%s", diff)
	}
}

func TestPermitWaits(t *testing.T) {
	real := clock.RealClock{} // the one for tests holds a lock while it calls back
	var all waitingPods
	w := all.add(pod("p", "1"), map[string]time.Duration{"x": time.Hour, "y": time.Hour}, real)
	if all.get("p") != w {
		t.Error("a pod that waits is not listed")
	}
	w.Allow("x")
	w.Allow("y")
	if status := w.wait(t.Context()); !status.IsSuccess() {
		t.Errorf("allowed by both: %v", status)
	}
	late := all.add(pod("q", "1"), map[string]time.Duration{"x": time.Millisecond, "y": time.Hour}, real)
	if status := late.wait(t.Context()); status.IsSuccess() || status.Plugin() != "x" {
		t.Errorf("x waited too long: %v", status)
	}
	if none := all.add(pod("r", "1"), nil, real); !none.wait(t.Context()).IsSuccess() || all.get("r") != nil {
		t.Error("a pod that nobody holds waits")
	}
}
