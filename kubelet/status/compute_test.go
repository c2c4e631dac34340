package status

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
	"github.com/coxswain-k8s/coxswain/test/pairs"
)

// situation is the input of one golden pair.
type situation struct {
	Pod                  corev1.Pod
	Runtime              runtime.Pod
	Waiting              map[string]corev1.ContainerStateWaiting
	NotReady, NotStarted []string // container ids
	Finished, Failed     bool
	Reason, Message      string
}

// TestStatus computes testdata/*.in.yaml and compares with *.out.yaml. A new case is two files; -update writes the second.
func TestStatus(t *testing.T) {
	pairs.Each(t, "testdata/*.in.yaml", ".out.yaml", func(t *testing.T, in []byte) []byte {
		var s situation
		if err := yaml.UnmarshalStrict(in, &s); err != nil {
			t.Fatal(err)
		}
		got, err := yaml.Marshal(Compute(Input{
			Pod: &s.Pod, Runtime: &s.Runtime, RuntimeName: "containerd", Waiting: s.Waiting, HostIPs: []string{"192.0.2.1"},
			Ready:    func(id string) bool { return !slices.Contains(s.NotReady, id) },
			Started:  func(id string) bool { return !slices.Contains(s.NotStarted, id) },
			Finished: s.Finished, Failed: s.Failed, Reason: s.Reason, Message: s.Message,
			StartTime: time.Unix(100, 0).UTC(), Now: time.Unix(200, 0).UTC(),
		}))
		if err != nil {
			t.Fatal(err)
		}
		return got
	})
}

func TestMergeLeavesOthersConditionsAlone(t *testing.T) {
	at := func(s int64) corev1.PodCondition {
		c := condition(corev1.PodReady, true, "", "")
		c.LastTransitionTime.Time = time.Unix(s, 0)
		return c
	}
	base := corev1.PodStatus{Conditions: []corev1.PodCondition{at(1), {Type: "DisruptionTarget", Status: corev1.ConditionTrue}}}
	got := merge(&base, corev1.PodStatus{Conditions: []corev1.PodCondition{at(2), {Type: "example.com/gate", Status: corev1.ConditionFalse}}})
	if diff := cmp.Diff(base.Conditions, got.Conditions); diff != "" {
		t.Error("the foreign conditions of the API are kept, those of a stale cache are not sent, unchanged ones keep their time", diff)
	}
}
