package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// toolbox is an image with curl, a shell and the like.
const toolbox = "docker.io/coxswain/toolbox:v1"

// manifest applies testdata/NAME.yaml; ${DIR} in it is a folder of the machine that the test sees too.
func (s *space) manifest(name string) {
	s.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".yaml"))
	if err != nil {
		s.Fatal(err)
	}
	s.apply(strings.ReplaceAll(string(data), "${DIR}", s.dir()))
}

// dir is a folder of this test for hostPath volumes.
func (s *space) dir() string {
	s.Helper()
	dir := filepath.Join(s.cluster.Machine.Dir, "host", s.name)
	if err := os.MkdirAll(dir, 0o777); err != nil { //nolint:gosec // pods of any user write to it
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// sh runs a script in a pod's container.
func (s *space) sh(pod, script string) string {
	s.Helper()
	name, container, _ := strings.Cut(pod, "/")
	args := []string{"exec", name}
	if container != "" {
		args = append(args, "-c", container)
	}
	return s.kubectl(append(args, "--", "sh", "-c", script)...)
}

// up waits until pods are ready.
func (s *space) up(pods ...string) {
	s.Helper()
	args := []string{"wait", "--for=condition=Ready", "--timeout", patience.String()}
	for _, pod := range pods {
		args = append(args, "pod/"+pod)
	}
	s.kubectl(args...)
}

// over waits until a pod is in a final phase, and returns the phase, the reason and the exit codes of its containers.
func (s *space) over(pod string) string {
	s.Helper()
	var got string
	s.eventually(pod+" to end", func() error {
		out, err := s.try("get", "pod", pod, "-o", "jsonpath={.status.phase} {.status.reason} {.status.containerStatuses[*].state.terminated.exitCode}")
		if got = strings.Join(strings.Fields(out), " "); err == nil && !strings.HasPrefix(got, "Succeeded") && !strings.HasPrefix(got, "Failed") {
			err = fmt.Errorf("it is %s", got)
		}
		return err
	})
	return got
}

// events waits until an event of an object has the type, the reason and the words.
func (s *space) event(object, kind, reason, words string) {
	s.Helper()
	s.eventually(fmt.Sprintf("the event %s %s %q of %s", kind, reason, words, object), func() error {
		out, err := s.try("get", "events", "--field-selector", "involvedObject.name="+object,
			"-o", `jsonpath={range .items[*]}{.type}{" "}{.reason}{" "}{.message}{"\n"}{end}`)
		if err != nil {
			return err
		}
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, kind+" "+reason+" ") && strings.Contains(line, words) {
				return nil
			}
		}
		return fmt.Errorf("there are only:\n%s", out)
	})
}

// lines checks that an output has all these lines.
func (s *space) lines(what, out string, want ...string) {
	s.Helper()
	got := strings.Split(strings.TrimRight(out, "\n"), "\n")
	for _, line := range want {
		if !slices.Contains(got, line) {
			s.Errorf("%s: no line %q in:\n%s", what, line, out)
		}
	}
}

// same checks one value.
func (s *space) same(what, got, want string) {
	s.Helper()
	if strings.TrimSpace(got) != want {
		s.Errorf("%s: %q, want %q", what, got, want)
	}
}

// says checks that a text has all these words.
func (s *space) says(what, text string, words ...string) {
	s.Helper()
	for _, each := range words {
		if !strings.Contains(text, each) {
			s.Errorf("%s: %q is missing in: %s", what, each, text)
		}
	}
}

// onMachine runs a program on the cluster's machine.
func (s *space) onMachine(args ...string) (string, error) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	out, err := s.cluster.Machine.Command(ctx, args[0], args[1:]...).CombinedOutput()
	return string(out), err
}

// input runs kubectl with a standard input, and returns all that it says, also when it fails.
func (s *space) input(text string, args ...string) string {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := s.cluster.KubectlCommand(ctx, append([]string{"-n", s.name}, args...)...)
	command.Stdin = strings.NewReader(text)
	out, _ := command.CombinedOutput()
	return string(out)
}
