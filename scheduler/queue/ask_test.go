package queue

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// A pod that is held is not tried, and what came meanwhile counts when it is released.
func TestHold(t *testing.T) {
	for _, c := range []struct {
		reason    string
		meanwhile func(*fixture)
		failed    bool
		again     bool
	}{
		{"nothing came", func(*fixture) {}, false, false},
		{"an event that helps came", func(f *fixture) { f.Move(nodeAdded, nil, nil) }, false, true},
		{"an event came that does not help", func(f *fixture) { f.Move(fwk.ClusterEvent{Resource: fwk.Pod, ActionType: fwk.Delete}, pod("x"), nil) }, false, false},
		{"it was changed", func(f *fixture) { f.add(pod("a", changed)) }, false, true},
		{"its status was changed", func(f *fixture) { f.add(pod("a")) }, false, false},
		{"it failed", func(*fixture) {}, true, true},
	} {
		for _, late := range []bool{false, true} { // released before the attempt has ended
			f := newFixture(t)
			f.add(pod("a"))
			f.pops("a")
			f.Hold("a", "Preemption")
			if !late {
				f.Failed("a", sets.New("Fit"))
				if look, _ := f.Look("a"); look.Where != "gated" || look.Gate != "Preemption" {
					t.Errorf("%s: %+v, want it to be gated", c.reason, look)
				}
			}
			c.meanwhile(f)
			f.clock.Step(time.Minute)
			f.pops()
			f.Release("a", c.failed)
			if late {
				f.Failed("a", sets.New("Fit"))
			}
			f.clock.Step(time.Minute)
			if c.again {
				f.pops("a")
			} else {
				f.pops()
			}
			if look, _ := f.Look("a"); look.Gate != "" {
				t.Errorf("%s: gated by %s after its release", c.reason, look.Gate)
			}
		}
	}
}

// Nothing of a pod that goes while it is held is kept.
func TestRemovedWhileHeld(t *testing.T) {
	f := newFixture(t)
	f.add(pod("a"))
	f.pops("a")
	f.Hold("a", "Preemption")
	f.Failed("a", sets.New("Fit"))
	f.Move(nodeAdded, nil, nil)
	f.Remove("a")
	f.Release("a", true)
	if len(f.pods)+len(f.flight)+len(f.recent) != 0 {
		t.Error("something of a pod that is gone is kept")
	}
}

// What brings a pod back that was held is what came meanwhile, also in metrics.
func TestReleasedIsCountedByWhatCame(t *testing.T) {
	f := newFixture(t)
	var told []string
	f.Incoming = func(event, queue string) { told = append(told, event+" "+queue) }
	f.add(pod("a"))
	f.pops("a")
	f.Hold("a", "Preemption")
	f.Failed("a", sets.New("Fit"))
	f.Move(nodeAdded, nil, nil)
	f.clock.Step(time.Minute)
	f.Release("a", false)
	if diff := cmp.Diff([]string{"UnschedulablePodAdd active", "ScheduleAttemptFailure unschedulable", "NodeAdd active"}, told); diff != "" {
		t.Errorf("what came where (-want +got):\n%s", diff)
	}
}

// A screen answers before the hints of the plugins, once for each pod, and is made once for each event.
func TestScreen(t *testing.T) {
	f := newFixture(t)
	made, helped := 0, sets.New[string]()
	f.Screen = func(fwk.ClusterEvent, any, any) func(*state.PodInfo, string) bool {
		made++
		return func(p *state.PodInfo, plugin string) bool { return plugin != "Fit" || helped.Has(p.GetPod().Name) }
	}
	f.add(pod("a"), pod("b"))
	f.pops("a", "b")
	f.Failed("a", sets.New("Fit"))
	f.Failed("b", sets.New("Fit"))
	f.clock.Step(time.Minute)
	f.Move(nodeAdded, nil, nil)
	f.pops()
	helped.Insert("b")
	f.Move(nodeAdded, nil, nil)
	f.pops("b")
	if made != 2 {
		t.Errorf("the screen was made %d times for 2 events", made)
	}
	helped.Delete("b")
	f.Move(nodeAdded, nil, nil) // during the attempt
	helped.Insert("b")
	f.Failed("b", sets.New("Fit"))
	f.clock.Step(time.Minute)
	f.pops("b")
}
