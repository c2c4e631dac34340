package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/runtime"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/profile"
)

// slowVolumes is a plugin that waits for ever before pods whose names say so are bound.
type slowVolumes struct{ waits chan string }

func (slowVolumes) Name() string { return "SlowVolumes" }

func (slowVolumes) PreBindPreFlight(context.Context, fwk.CycleState, *corev1.Pod, string) (*fwk.PreBindPreFlightResult, *fwk.Status) {
	return nil, nil
}

func (s slowVolumes) PreBind(ctx context.Context, _ fwk.CycleState, pod *corev1.Pod, _ string) *fwk.Status {
	if !strings.HasPrefix(pod.Name, "slow") {
		return nil
	}
	s.waits <- pod.Name
	<-ctx.Done()
	return fwk.AsStatus(ctx.Err())
}

// within fails the test unless do returns soon.
func within(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(time.Minute):
		t.Fatalf("%s takes too long", what)
	}
}

// Pods whose volumes never come hold up nobody else, and stop waiting when they are deleted.
func TestSlowVolumesHoldUpNobody(t *testing.T) {
	f := newFixture(t)
	slow := slowVolumes{waits: make(chan string, 2*maxBinding)}
	f.Registry[slow.Name()] = func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return slow, nil }
	wanted := &f.Configuration.Profiles[0].Plugins
	wanted.Multi = append(wanted.Multi, profile.Enabled{Name: slow.Name()})
	if err := f.init(t.Context()); err != nil {
		t.Fatal(err)
	}
	large := node("a")
	large.Status.Allocatable[corev1.ResourcePods] = resource.MustParse("500")
	f.nodeAdded(large)
	var pods []*corev1.Pod
	for i := range maxBinding + 1 {
		pods = append(pods, pod(fmt.Sprint("slow-", i), "1m"))
		f.comes(pods[i])
	}
	f.comes(pod("quick", "1m"))
	within(t, "scheduling", func() {
		for range len(pods) + 1 {
			f.scheduleOne(t.Context(), f.queue.Pop(t.Context()))
		}
	})
	within(t, "binding", func() {
		for range pods {
			<-slow.waits
		}
		f.same("the event", <-f.recorder.Events, "Normal Scheduled Successfully assigned default/quick to a")
	})
	for i, p := range pods {
		if i == 0 { // it is asked to end, and something keeps it
			now := p.DeepCopy()
			now.DeletionTimestamp = &now.CreationTimestamp
			f.podChanged(t.Context(), p, now)
			continue
		}
		f.podDeleted(p)
	}
	within(t, "the end", f.binding.Wait)
	for _, p := range pods {
		if f.state.Placed(p.UID) {
			t.Errorf("%s still has its place", p.Name)
		}
	}
	if len(f.slots) != 0 || len(f.recorder.Events) != 0 {
		t.Errorf("%d slots are held, %d events are left", len(f.slots), len(f.recorder.Events))
	}
}

// failingVolumes is a plugin whose volumes do not come, when that is known.
type failingVolumes struct {
	slowVolumes
	known chan struct{}
}

func (f failingVolumes) PreBind(_ context.Context, _ fwk.CycleState, pod *corev1.Pod, _ string) *fwk.Status {
	f.waits <- pod.Name
	<-f.known
	return fwk.AsStatus(errors.New("no volumes"))
}

// The status of a pod whose binding waits says where it is expected, and so it is when the binding fails. Meanwhile it counts there once.
func TestNodeOfAPodWhoseBindingWaitsIsAnnounced(t *testing.T) {
	f := newFixture(t)
	failing := failingVolumes{slowVolumes{waits: make(chan string, 1)}, make(chan struct{})}
	f.Registry[failing.Name()] = func(context.Context, runtime.Object, fwk.Handle) (fwk.Plugin, error) { return failing, nil }
	wanted := &f.Configuration.Profiles[0].Plugins
	wanted.Multi = append(wanted.Multi, profile.Enabled{Name: failing.Name()})
	if err := f.init(t.Context()); err != nil {
		t.Fatal(err)
	}
	f.nodeAdded(node("a"))
	p := pod("slow", "1m")
	f.comes(p)
	f.scheduleOne(t.Context(), f.queue.Pop(t.Context()))
	within(t, "what comes before the binding", func() { f.same("who waits", <-failing.waits, "slow") })
	announced := &corev1.Pod{}
	if err := f.Client.Get(t.Context(), client.ObjectKeyFromObject(p), announced); err != nil {
		t.Fatal(err)
	}
	f.same("the nominated node", announced.Status.NominatedNodeName, "a")
	f.podChanged(t.Context(), p, announced)
	if f.nominated.Any() {
		t.Error("it counts as expected beside being assumed")
	}
	close(failing.known)
	within(t, "the end", f.binding.Wait)
	f.same("where it is expected", f.nominated.Node(p.UID), "a")
	f.podDeleted(announced)
	if f.nominated.Any() {
		t.Error("it is expected after it is gone")
	}
}

// What is bound at once is not announced: that would be a write for nothing.
func TestNodeOfAPodThatIsBoundAtOnceIsNotAnnounced(t *testing.T) {
	f := newFixture(t)
	f.nodeAdded(node("a"))
	f.comes(pod("quick", "1m"))
	f.same("bound", f.tries(), "Normal Scheduled Successfully assigned default/quick to a")
	bound := &corev1.Pod{}
	if err := f.Client.Get(t.Context(), client.ObjectKey{Namespace: "default", Name: "quick"}, bound); err != nil {
		t.Fatal(err)
	}
	f.same("the nominated node", bound.Status.NominatedNodeName, "")
}
