package scheduler

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

func (f *fixture) explains(pod *corev1.Pod) *Explanation {
	f.Helper()
	e, err := f.Explain(f.Context(), client.ObjectKeyFromObject(pod))
	if err != nil {
		f.Fatal(err)
	}
	return e
}

func TestExplainSaysWhatEachPluginHasAgainstEachNode(t *testing.T) {
	f := newFixture(t)
	big := pod("big", "3")
	if _, err := f.Explain(t.Context(), client.ObjectKeyFromObject(big)); !errors.Is(err, ErrNotRunning) {
		t.Errorf("before the cluster was seen: %v", err)
	}
	f.running = true
	f.nodes("a")
	tainted := node("b")
	tainted.Spec.Taints = []corev1.Taint{{Key: "gpu", Value: "yes", Effect: corev1.TaintEffectNoSchedule}}
	f.nodeAdded(tainted)
	big.Spec.NodeSelector = map[string]string{"disk": "ssd"}
	f.comes(big)
	f.tries()
	cpu := Refusal{Plugin: "NodeResourcesFit", Reasons: []string{"Insufficient cpu"}, Details: []string{"need 3, free 2 of 2"}, Gap: 0.33}
	label := Refusal{Plugin: "NodeAffinity", Reasons: []string{"node(s) didn't match Pod's node affinity/selector"}, Details: []string{"want disk=ssd, not set"}}
	taint := Refusal{Plugin: "TaintToleration", Reasons: []string{"node(s) had untolerated taint(s)"}, Details: []string{"gpu=yes:NoSchedule"}}
	want := &Explanation{
		Profiles: []string{"default-scheduler"}, Served: true, Where: "waiting", Attempts: 1, Refused: []string{"NodeAffinity", "TaintToleration"},
		Nodes: []NodeOpinion{{Name: "a", Refusals: []Refusal{label, cpu}}, {Name: "b", Refusals: []Refusal{taint, label, cpu}}},
	}
	if diff := cmp.Diff(want, f.explains(big), cmpopts.IgnoreFields(Explanation{}, "Since"), cmpopts.EquateApprox(0, 0.01)); diff != "" {
		t.Error(diff)
	}
}

func TestExplainSaysWhereAPodIs(t *testing.T) {
	f := newFixture(t)
	f.running = true
	f.nodes("a")
	foreign, gated, small := pod("foreign", "1"), pod("gated", "1"), pod("small", "1")
	foreign.Spec.SchedulerName = "other"
	gated.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "example.com/wait"}}
	for _, p := range []*corev1.Pod{foreign, gated, small} {
		f.comes(p)
	}
	if e := f.explains(foreign); e.Served || e.Where != "" || e.Nodes != nil {
		t.Errorf("a pod of another scheduler: %+v", e)
	}
	if e := f.explains(gated); e.Where != "gated" || e.Gate != "SchedulingGates" || e.Nodes != nil {
		t.Errorf("a gated pod: %+v", e)
	}
	if e := f.explains(small); e.Where != "active" || len(e.Nodes) != 1 || len(e.Nodes[0].Refusals) > 0 {
		t.Errorf("a pod that fits: %+v", e)
	}
	f.bindErr = errors.New("no")
	f.tries()
	if e := f.explains(small); e.Where != "backing off" || e.Attempts != 1 || !e.Until.Time.Equal(f.clock.Now().Add(time.Second)) {
		t.Errorf("a pod whose binding failed: %+v", e)
	}
	if _, err := f.Explain(t.Context(), client.ObjectKey{Namespace: "default", Name: "nobody"}); client.IgnoreNotFound(err) != nil || err == nil {
		t.Errorf("a pod that there is not: %v", err)
	}
}

func TestExplainSaysForWhomRoomIsKept(t *testing.T) {
	f := newFixture(t)
	f.running = true
	f.nodes("a")
	low, high, late := pod("low", "2"), pod("high", "2"), pod("late", "1")
	low.Spec.NodeName = "a"
	high.Spec.Priority, late.Spec.Priority = new(int32), new(int32)
	*high.Spec.Priority, *late.Spec.Priority = 10, 5
	f.comes(low)
	f.comes(high)
	f.tries()
	if e := f.explains(high); e.Nominated != "a" {
		t.Errorf("the preemptor: %+v", e)
	}
	f.podDeleted(low)
	f.comes(late)
	e := f.explains(late)
	if len(e.Nodes) != 1 || len(e.Nodes[0].Refusals) != 1 {
		t.Fatalf("the late one: %+v", e)
	}
	want := Refusal{Plugin: "NodeResourcesFit", Reasons: []string{"Insufficient cpu"}, Details: []string{"room is kept for default/high"}, Preemptible: true}
	if diff := cmp.Diff(want, e.Nodes[0].Refusals[0]); diff != "" {
		t.Error(diff)
	}
}

func TestQuantitiesAreReadable(t *testing.T) {
	for _, c := range []struct {
		kind corev1.ResourceName
		n    int64
		want string
	}{
		{corev1.ResourceCPU, 500, "0.5"}, {corev1.ResourceCPU, 2000, "2"}, {corev1.ResourceCPU, 0, "0"}, {corev1.ResourceCPU, 1250, "1.25"},
		{corev1.ResourceMemory, 3 << 29, "1.5Gi"}, {corev1.ResourceMemory, 12 << 20, "12Mi"}, {corev1.ResourceMemory, 0, "0"}, {"example.com/gpu", 3, "3"},
	} {
		if got := quantity(c.kind, c.n); got != c.want {
			t.Errorf("%d of %s: %s, want %s", c.n, c.kind, got, c.want)
		}
	}
}

// No cycle waits for an extender that is asked only in order to explain, and nobody is asked for somebody who has gone.
func TestExplainKeepsNoCycleWaiting(t *testing.T) {
	f, e := newFixture(t), &extension{t: t, refuses: "a"}
	f.extend(e, schedulerv1.Extender{})
	f.running = true
	f.nodes("a")
	p := pod("p", "1")
	f.comes(p)
	e.before = func() {
		if !f.turn.TryLock() {
			t.Error("no cycle could run while the extender was asked")
			return
		}
		f.turn.Unlock()
	}
	if got := f.explains(p); len(got.Nodes) != 1 || len(got.Nodes[0].Refusals) != 1 || got.Nodes[0].Refusals[0].Plugin != extenderName {
		t.Errorf("%+v", got)
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, err := f.Explain(gone, client.ObjectKeyFromObject(p)); !errors.Is(err, context.Canceled) {
		t.Errorf("for somebody who has gone: %v", err)
	}
}

// A node may be nominated without anybody being evicted there: by others, or because the binding failed. It was said that pods are evicted.
func TestExplainsWhoIsEvicted(t *testing.T) {
	f := newFixture(t)
	f.running = true
	f.nodes("a")
	named := pod("named", "3")
	named.Status.NominatedNodeName = "a"
	f.comes(named)
	if e := f.explains(named); e.Nominated != "a" || e.Evicting {
		t.Errorf("nominated by somebody: %+v", e)
	}
	f.podDeleted(named)
	f.runs(ranked("low", "2", 1), "a")
	high := ranked("high", "2", 100)
	f.comes(high)
	f.tries()
	if e := f.explains(high); e.Nominated != "a" || !e.Evicting {
		t.Errorf("nominated by preemption: %+v", e)
	}
}
