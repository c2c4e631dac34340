package gated

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// A stop signal goes, and with it a lifecycle that had nothing else, unless the old object has one.
func TestStopSignalsAreDropped(t *testing.T) {
	signalled := func() *corev1.PodSpec {
		hook := &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 1}}
		return &corev1.PodSpec{Containers: []corev1.Container{
			{Lifecycle: &corev1.Lifecycle{StopSignal: ptr.To(corev1.SIGUSR1)}}, {Lifecycle: &corev1.Lifecycle{StopSignal: ptr.To(corev1.SIGUSR1), PreStop: hook}}, {Lifecycle: &corev1.Lifecycle{}},
		}}
	}
	dropped := signalled()
	dropped.Containers[0].Lifecycle, dropped.Containers[1].Lifecycle.StopSignal = nil, nil
	for _, c := range []struct{ old, want *corev1.PodSpec }{{nil, dropped}, {dropped, dropped}, {signalled(), signalled()}} {
		got := signalled()
		Drop(got, c.old)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("beside %v: %s", c.old, diff)
		}
	}
}
