package kubelet

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	testclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/kubelet/volume"
)

// An emptyDir on the disk may not grow over its limit, which once was only kept in memory.
func TestOverflowingVolumes(t *testing.T) {
	pod := &corev1.Pod{}
	if err := yaml.UnmarshalStrict([]byte(`{volumes: [{name: d, emptyDir: {sizeLimit: 1Mi}}, {name: m, emptyDir: {medium: Memory, sizeLimit: 1}}]}`), &pod.Spec); err != nil {
		t.Fatal(err)
	}
	dir, clock := t.TempDir(), testclock.NewFakeClock(time.Unix(100, 0))
	recorder := record.NewFakeRecorder(1)
	stopped, stop := context.WithCancel(t.Context())
	stop() // the worker takes no turns of its own
	k := &Kubelet{Clock: clock, Recorder: recorder, ctx: stopped}
	w := k.newWorker(pod)
	if r := w.overflow(pod); r != nil {
		t.Errorf("before its volumes are there: %+v", r)
	}
	w.volumes = map[string]volume.Mount{"d": {HostPath: dir}, "m": {HostPath: dir}}
	if w.wakeToMeasure(pod); w.due != clock.Now().Add(measureEvery) {
		t.Errorf("it is measured at %s", w.due)
	}
	clock.SetTime(w.due)
	if r := w.overflow(pod); r != nil {
		t.Errorf("an empty folder: %+v", r)
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := w.overflow(pod); r != nil {
		t.Errorf("before it is due: %+v", r)
	}
	clock.SetTime(clock.Now().Add(measureEvery))
	r := w.overflow(pod)
	if r == nil || r.reason != "Evicted" || r.message != `Usage of EmptyDir volume "d" exceeds the limit "1Mi". ` || !r.failed || !r.atOnce {
		t.Errorf("a folder over its limit: %+v", r)
	}
}
