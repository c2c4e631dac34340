package queue

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/util/sets"
)

// TestTriesWhatHasWaitedForLong: one timer for the pod that has waited longest, none while none waits.
func TestTriesWhatHasWaitedForLong(t *testing.T) {
	f := newFixture(t)
	var told []string
	f.Incoming = func(event, queue string) { told = append(told, event+" "+queue) }
	timer := func(want time.Duration) {
		t.Helper()
		p, next := f.tryPop()
		if got := next.Sub(f.clock.Now()); p != nil || next.IsZero() != (want == 0) || want != 0 && got != want {
			t.Errorf("%v, and the timer is for %v, want %v", p, next, want)
		}
	}
	f.add(pod("first"), pod("second"), pod("held", gated))
	f.pops("first", "second")
	timer(0)
	f.Failed("first", sets.New("Fit"))
	f.clock.Step(time.Minute)
	f.Failed("second", sets.New("Fit"))
	timer(4 * time.Minute)
	f.clock.Step(4 * time.Minute)
	p, _ := f.tryPop()
	if p == nil || p.GetPod().Name != "first" || !p.Flushed() {
		t.Fatalf("popped %+v", p)
	}
	if last := told[len(told)-1]; last != "UnschedulableTimeout active" {
		t.Errorf("the queue was told of %q", last)
	}
	timer(time.Minute)
	f.Failed("first", sets.New("Fit"))
	f.Move(nodeAdded, nil, nil)
	f.clock.Step(2 * time.Second)
	for range 2 {
		if p, _ := f.tryPop(); p == nil || p.Flushed() {
			t.Errorf("after an event that helps: %+v", p)
		}
	}
	timer(0)
	f.Failed("first", sets.New("Fit"))
	f.Remove("first")
	timer(0)
}
