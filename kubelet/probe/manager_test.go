package probe

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// node runs a manager whose commands exit as exits says: they are taken one after the other, the last one stays.
type node struct {
	*Manager
	exits    chan int
	changed  chan struct{}
	warnings chan string
}

func start(t *testing.T) *node {
	n := &node{exits: make(chan int, 100), changed: make(chan struct{}, 100), warnings: make(chan string, 100)}
	n.Manager = &Manager{
		Clock: clock.RealClock{}, Changed: func(types.UID) { n.changed <- struct{}{} }, Warn: func(w Warning) { n.warnings <- w.Message },
		Exec: func(ctx context.Context, _ string, _ []string, _ time.Duration) (string, int, error) {
			select {
			case code := <-n.exits:
				return "output", code, nil
			case <-ctx.Done():
				return "", 0, ctx.Err()
			}
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- n.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return n
}

func (n *node) expectChange(t *testing.T) {
	t.Helper()
	select {
	case <-n.changed:
	case <-time.After(time.Minute):
		t.Fatal("no verdict changed")
	}
}

func probeOf(failures int32) *corev1.Probe {
	return &corev1.Probe{ProbeHandler: corev1.ProbeHandler{Exec: &corev1.ExecAction{}}, PeriodSeconds: 1, FailureThreshold: failures}
}

func target(c corev1.Container) Target {
	return Target{Pod: &corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: "u"}}, Container: &c, ID: "c1", StartedAt: time.Now()}
}

func TestReadinessComesAndGoes(t *testing.T) {
	n := start(t)
	n.Sync("u", []Target{target(corev1.Container{ReadinessProbe: probeOf(1)})})
	if n.Ready("c1") || !n.Started("c1") {
		t.Fatal("a container with a readiness probe is started, and not ready before the first answer")
	}
	n.exits <- 0
	n.expectChange(t)
	if !n.Ready("c1") {
		t.Fatal("not ready after an answer")
	}
	n.exits <- 1
	n.expectChange(t)
	if n.Ready("c1") {
		t.Fatal("ready after a failure")
	}
	if got := <-n.warnings; got != "Readiness probe failed: output" {
		t.Fatalf("warning is %q", got)
	}
	n.Forget("u")
	if n.Started("c1") {
		t.Fatal("a forgotten container has a verdict")
	}
}

func TestStartupHoldsTheOthersBack(t *testing.T) {
	n := start(t)
	n.Sync("u", []Target{target(corev1.Container{StartupProbe: probeOf(5), LivenessProbe: probeOf(1)})})
	n.exits <- 1
	<-n.warnings
	if n.Started("c1") || n.Ready("c1") {
		t.Fatal("started although startup failed")
	}
	if _, failed := n.Failed("c1"); failed {
		t.Fatal("one failure of five is enough")
	}
	n.exits <- 0
	n.expectChange(t)
	if !n.Started("c1") || !n.Ready("c1") {
		t.Fatal("not started after an answer")
	}
	n.exits <- 1
	n.expectChange(t)
	if kind, failed := n.Failed("c1"); !failed || kind != Liveness {
		t.Fatalf("Failed() = %v, %v after liveness failed", kind, failed)
	}
}

func TestVerdictsOutliveARestart(t *testing.T) {
	n := start(t)
	was := target(corev1.Container{StartupProbe: probeOf(1), ReadinessProbe: probeOf(1)})
	was.WasStarted, was.WasReady = true, true
	n.Sync("u", []Target{was})
	if !n.Ready("c1") {
		t.Fatal("a container that was ready is not")
	}
}
