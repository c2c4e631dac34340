package why

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/test/pairs"
)

// screen is how many lines fit onto one.
const screen = 50

// TestText turns testdata/NAME.in.yaml (facts) into NAME.out.txt.
func TestText(t *testing.T) {
	pairs.Each(t, "testdata/*.in.yaml", ".out.txt", func(t *testing.T, in []byte) []byte {
		facts := &Facts{}
		if err := yaml.UnmarshalStrict(in, facts); err != nil {
			t.Fatal(err)
		}
		got := Text(facts)
		if lines := strings.Count(got, "\n"); lines > screen {
			t.Errorf("%d lines are more than one screen", lines)
		}
		return []byte(got)
	})
}

// TestTextOfLittle: whatever is missing, something is said.
func TestTextOfLittle(t *testing.T) {
	for _, phase := range []corev1.PodPhase{"", corev1.PodPending, corev1.PodRunning, corev1.PodFailed, corev1.PodSucceeded, corev1.PodUnknown} {
		for _, node := range []string{"", "a"} {
			f := &Facts{}
			f.Pod.Name, f.Pod.Status.Phase, f.Pod.Spec.NodeName = "p", phase, node
			if text := Text(f); !strings.HasPrefix(text, "pod/p ") || len(text) < len("pod/p is ?\n") {
				t.Errorf("phase %q, node %q: %q", phase, node, text)
			}
		}
	}
}

func TestNoTextCommandsTheTerminal(t *testing.T) {
	f := &Facts{Pod: corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "p"}}, Events: []corev1.Event{{Message: "clear \x1b[2J\u009b2J\rthis"}}}
	if text := Text(f); !strings.Contains(text, "clear [2J2J this") || strings.ContainsAny(text, "\x1b\u009b\r") {
		t.Errorf("%q", text)
	}
}
