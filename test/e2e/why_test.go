package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// why runs `coxswain why`.
func (u user) why(args ...string) (string, error) {
	command := exec.CommandContext(u.Context(), u.cluster.Program(), append([]string{"why", "-n", u.name, "--kubeconfig", u.config}, args...)...)
	out, err := command.CombinedOutput()
	return string(out), err
}

// explains waits until a pod is explained with all of the words.
func (u user) explains(pod string, words ...string) {
	u.Helper()
	u.eventually("coxswain why pod/"+pod, func() error {
		text, err := u.why("pod/" + pod)
		if err != nil {
			return fmt.Errorf("%w: %s", err, text)
		}
		for _, word := range words {
			if !strings.Contains(text, word) {
				return fmt.Errorf("no %q in:\n%s", word, text)
			}
		}
		return nil
	})
}

func TestWhyPending(t *testing.T) {
	s := newUser(t)
	s.apply(strings.Replace(fmt.Sprintf(sleeper, "huge"), "cpu: 10m", "cpu: 1000", 1))
	s.sleeps("gated", "schedulingGates: [{name: example.com/wait}]")
	s.sleeps("foreign", "schedulerName: nobody")
	node := s.node()
	s.pending("huge", "0/1 nodes are available: 1 Insufficient cpu.")
	s.explains("huge", "is pending: "+node+", the only node: Insufficient cpu", "What would help:", "need 1000, free ", "Nodes (1):", "tried ")
	s.explains("gated", "1 scheduling gate: example.com/wait")
	s.explains("foreign", `it asks for the scheduler "nobody"`)
}

func TestWhyCrashing(t *testing.T) {
	s := newUser(t)
	s.apply(strings.ReplaceAll(fmt.Sprintf(sleeper, "broken"), "    resources:", "    command: [sh, -c, 'echo these are my last words; exit 3']\n    resources:"))
	s.explains("broken", "crashes: container main ends with exit code 3, restarted ", "| these are my last words", "Next restart:", "logs broken -c main --previous")
}

func TestWhyTerminating(t *testing.T) {
	s := newUser(t)
	s.apply(strings.Replace(fmt.Sprintf(sleeper, "held"), "labels:", "finalizers: [example.com/hold], labels:", 1))
	s.up("held")
	s.kubectl("delete", "pod", "held", "--wait=false")
	t.Cleanup(func() {
		s.must(s.try("patch", "pod", "held", "--type=merge", "-p", `{"metadata":{"finalizers":null}}`))
	})
	s.explains("held", "is terminating: 1 finalizer keeps it: example.com/hold", "wait for the controller that has set example.com/hold", "Deletion:")
}

func TestWhyNobody(t *testing.T) {
	s := newUser(t)
	if text, err := s.why("pod/nobody"); err == nil || !strings.Contains(text, `pods "nobody" not found`) {
		t.Errorf("%v: %s", err, text)
	}
}
