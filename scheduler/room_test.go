package scheduler

import (
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// goes ends a pod, whatever it takes.
func (f *fixture) goes(name string) {
	f.Helper()
	p := f.read(name)
	f.podDeleted(p)
	p.Finalizers = nil
	if err := f.Client.Update(f.Context(), p); client.IgnoreNotFound(err) != nil {
		f.Fatal(err)
	}
}

func (f *fixture) stands(name, want string) {
	f.Helper()
	look, _ := f.queue.Look(types.UID(name))
	if look.Where != want {
		f.Errorf("%s is %q, want %q", name, look.Where, want)
	}
}

// preempting is a fixture where "high", of two CPUs, has preempted "a1" and "a2" on the node a. On b there are two more, of a priority that it
// does not preempt.
func preempting(t *testing.T) *fixture {
	f := newFixture(t)
	f.nodes("a", "b")
	victims := []*corev1.Pod{f.runs(ranked("a1", "1", 1), "a"), f.runs(ranked("a2", "1", 1), "a")}
	f.runs(ranked("b1", "1", 100), "b")
	f.runs(ranked("b2", "1", 100), "b")
	high := ranked("high", "2", 100)
	f.comes(high)
	f.tries()
	f.expectEnded("a1", "a2")
	f.sees(append(victims, high)...)
	f.events()
	f.clock.Step(time.Minute)
	f.stands("high", "waiting")
	return f
}

// A pod that has preempted others is tried when enough of them are gone, not at the end of each.
func TestWaitsForAllVictims(t *testing.T) {
	f := preempting(t)
	f.goes("a1")
	f.stands("high", "waiting")
	f.goes("b1")
	f.stands("high", "waiting")
	f.goes("a2")
	f.stands("high", "active")
	f.same("bound", f.tries(), "Normal Scheduled Successfully assigned default/high to a")
}

// It is tried as well when there is room for it on another node first.
func TestRoomElsewhere(t *testing.T) {
	f := preempting(t)
	f.goes("b1")
	f.goes("b2")
	f.stands("high", "active")
	f.same("bound", f.tries(), "Normal Scheduled Successfully assigned default/high to b")
}

func TestNodeComesForPreemptor(t *testing.T) {
	f := preempting(t)
	f.nodes("c")
	f.stands("high", "active")
	f.same("bound", f.tries(), "Normal Scheduled Successfully assigned default/high to c")
}

// If somebody else has taken its room, it is tried when its victims are gone, to make room anew.
func TestRoomIsTaken(t *testing.T) {
	f := preempting(t)
	f.goes("a1")
	f.runs(ranked("other", "1", 50), "a")
	f.goes("a2")
	f.stands("high", "active")
	f.tries()
	f.expectEnded("other")
}

// The room that is kept for another pod of the same priority is none, until that is bound elsewhere.
func TestRoomIsKept(t *testing.T) {
	f := preempting(t)
	second := ranked("second", "2", 100)
	f.nodes("c")
	c := f.runs(ranked("c1", "2", 1), "c")
	f.stands("high", "active") // the node came
	f.tries()
	f.comes(second)
	f.tries()
	f.expectEnded("a1", "a2", "c1")
	f.events()
	f.sees(c, second)
	f.clock.Step(time.Minute)
	f.goes("c1")
	f.stands("high", "waiting")
	f.stands("second", "active")
	f.goes("b1")
	f.goes("b2")
	f.same("second", f.tries(), "Normal Scheduled Successfully assigned default/second to c")
	f.same("high", f.tries(), "Normal Scheduled Successfully assigned default/high to b")
}

// Nobody waits in vain for the room that a pod has given up by being bound elsewhere.
func TestGivesUpRoom(t *testing.T) {
	f := preempting(t)
	low := ranked("low", "2", 5)
	f.comes(low)
	f.tries()
	f.stands("low", "waiting")
	f.goes("a1")
	f.events()
	f.goes("a2")
	f.nodes("c")
	f.clock.Step(time.Minute)
	for range 2 {
		f.tries()
	}
	if high, low := f.read("high").Spec.NodeName, f.read("low").Spec.NodeName; high == "" || low == "" || high == low {
		t.Errorf("high is on %q and low on %q, want them on different nodes", high, low)
	}
}

// While its victims are asked to end a pod is held back, and a failure lets it go.
func TestHeldWhileEvicting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFixture(t)
		f.nodes("a")
		f.runs(ranked("low", "2", 1), "a")
		f.deleting = make(chan error)
		f.comes(ranked("high", "2", 100))
		f.scheduleOne(t.Context(), f.queue.Pop(t.Context()))
		synctest.Wait()
		f.stands("high", "gated")
		f.nodes("b") // helps, but not yet
		f.clock.Step(time.Minute)
		f.stands("high", "gated")
		f.deleting <- nil
		f.binding.Wait()
		f.stands("high", "active")
		f.deleting = nil
	})
}
