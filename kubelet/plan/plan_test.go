package plan

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/kubelet/probe"
	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

// world describes a pod and what the runtime has of it in a few words: "s" a ready sandbox, "s!" one that ended,
// "name=run", "name=created", "name=exit:3", "name=run:unstarted", "name=run:failed", newest first.
func world(t *testing.T, spec, state string) Input {
	t.Helper()
	pod := &corev1.Pod{}
	pod.Spec.RestartPolicy = corev1.RestartPolicyAlways
	if err := yaml.UnmarshalStrict([]byte(spec), &pod.Spec); err != nil {
		t.Fatal(err)
	}
	in := Input{Pod: pod, Found: &runtime.Pod{}}
	verdicts := map[string]string{}
	for i, word := range strings.Fields(state) {
		if strings.HasPrefix(word, "s") && len(word) <= 2 {
			in.Found.Sandboxes = append(in.Found.Sandboxes, runtime.Sandbox{ID: "s0", Ready: word == "s", IPs: []string{"10.0.0.1"}})
			continue
		}
		name, what, _ := strings.Cut(word, "=")
		c := &runtime.Container{ID: fmt.Sprintf("%s-%d", name, i), Name: name, SandboxID: "s0", State: runtimeapi.ContainerState_CONTAINER_RUNNING}
		if spec := SpecOf(pod, name); spec != nil {
			c.Hash = runtime.Hash(spec)
		}
		what, verdict, _ := strings.Cut(what, ":")
		switch what {
		case "created":
			c.State = runtimeapi.ContainerState_CONTAINER_CREATED
		case "exit":
			c.State = runtimeapi.ContainerState_CONTAINER_EXITED
			if _, err := fmt.Sscan(verdict, &c.ExitCode); err != nil {
				t.Fatal(err)
			}
		default:
			verdicts[c.ID] = verdict
		}
		in.Found.Containers = append(in.Found.Containers, c)
	}
	in.Started = func(id string) bool { return verdicts[id] != "unstarted" }
	in.Failed = func(id string) (probe.Kind, bool) { return probe.Liveness, verdicts[id] == "failed" }
	in.Hold = func(name string, last *runtime.Container) (Hold, bool) {
		return Hold{Until: time.Unix(1, 0), Waiting: corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}, last.Exited() && last.ExitCode == 99
	}
	return in
}

// words says what a plan does.
func (p *Plan) words() string {
	var out []string
	for _, k := range p.Kill {
		out = append(out, "kill "+k.Container.Name)
	}
	if p.Sandbox {
		out = append(out, fmt.Sprintf("sandbox %d", p.Attempt))
	}
	for _, s := range p.Start {
		out = append(out, fmt.Sprintf("start %s/%d", s.Spec.Name, s.Attempt))
	}
	for name, w := range p.Waiting {
		out = append(out, "wait "+name+" "+w.Reason)
	}
	if p.Finished {
		out = append(out, "finished")
	}
	return strings.Join(out, ", ")
}

func TestNextStepsOfAPod(t *testing.T) {
	const one = `{containers: [{name: a}]}`
	const two = `{containers: [{name: a}, {name: b}]}`
	const never = `{restartPolicy: Never, containers: [{name: a}]}`
	const onFailure = `{restartPolicy: OnFailure, containers: [{name: a}, {name: b}]}`
	const inits = `{initContainers: [{name: i}, {name: side, restartPolicy: Always}, {name: j}], containers: [{name: a}]}`
	const rules = `{restartPolicy: Never, containers: [{name: a, restartPolicy: Never, restartPolicyRules: [{action: Restart, exitCodes: {operator: In, values: [42]}}]}]}`
	const debug = `{containers: [{name: a}], ephemeralContainers: [{name: d}]}`
	cases := []struct{ why, spec, state, want string }{
		{"a new pod needs a sandbox, and all its containers", two, "", "sandbox 0, start a/0, start b/0"},
		{"nothing to do", two, "s a=run b=run", ""},
		{"what was made before a crash, and never started, is not a restart", two, "s a=run b=created", "start b/0"},
		{"nor is a debug container", debug, "s a=run d=created", "start d/0"},
		{"the sandbox ended: everything starts again", two, "s! a=exit:137 b=exit:0", "sandbox 1, start a/1, start b/1"},
		{"an exited container is started again", two, "s a=run b=exit:0", "start b/1"},
		{"after its back-off", two, "s a=run b=exit:99", "wait b CrashLoopBackOff"},
		{"Never is never", never, "s a=exit:1", "finished"},
		{"also when the sandbox is gone", never, "s! a=exit:0", "finished"},
		{"OnFailure restarts only failures", onFailure, "s a=exit:1 b=exit:0", "start a/1"},
		{"and ends when all went well", onFailure, "s a=exit:0 b=exit:0", "finished"},
		{"a rule of the container overrides its policy", rules, "s a=exit:42", "start a/1"},
		{"for its exit codes alone", rules, "s a=exit:1", "finished"},
		{"a failed liveness probe kills", two, "s a=run:failed b=run", "kill a"},
		{"init containers run first", inits, "s", "start i/0"},
		{"one at a time", inits, "s i=run", ""},
		{"a failed one is tried again", inits, "s i=exit:1", "start i/1"},
		{"then the sidecar", inits, "s i=exit:0", "start side/0"},
		{"which holds up the next until it has started", inits, "s side=run:unstarted i=exit:0", ""},
		{"and then lets it run", inits, "s side=run i=exit:0", "start j/0"},
		{"and then come the others", inits, "s j=exit:0 side=run i=exit:0", "start a/0"},
		{"a sidecar is restarted, init containers are not", inits, "s a=run j=exit:0 side=exit:1 i=exit:0", "start side/1"},
		{"a new sandbox repeats the init containers", inits, "s! a=exit:1 j=exit:0 side=exit:1 i=exit:0", "sandbox 1, start i/1"},
		{"an init container that fails for good ends the pod", `{restartPolicy: Never, initContainers: [{name: i}], containers: [{name: a}]}`, "s i=exit:1", "finished"},
		{"also when the sandbox is gone", `{restartPolicy: Never, initContainers: [{name: i}], containers: [{name: a}]}`, "s! i=exit:1", "finished"},
		{"sidecars do not keep a pod that is done", `{restartPolicy: Never, initContainers: [{name: side, restartPolicy: Always}], containers: [{name: a}]}`, "s a=exit:0 side=run", "finished"},
		{"an ephemeral container is started", debug, "s a=run", "start d/0"},
		{"once", debug, "s a=run d=exit:0", ""},
		{"without network a sandbox is made again", one, "s!", "sandbox 1, start a/0"},
	}
	for _, c := range cases {
		in := world(t, c.spec, c.state)
		p := in.Next()
		if diff := cmp.Diff(c.want, p.words()); diff != "" {
			t.Errorf("%s: %s | %s: %s", c.why, c.spec, c.state, diff)
		}
	}
}

func TestNextReplacesAChangedImage(t *testing.T) {
	in := world(t, `{containers: [{name: a, image: "x:2"}]}`, "s a=run")
	in.Found.Containers[0].Hash = "old"
	p := in.Next()
	if got := p.words(); got != "kill a" {
		t.Fatalf("plan is %q", got)
	}
}

func TestBackoffDoublesAndResets(t *testing.T) {
	b, now := &Backoff{}, time.Unix(1000, 0)
	pod, last := &corev1.Pod{}, &runtime.Container{Name: "a", FinishedAt: now}
	if _, held := b.Hold(pod, last, now); held {
		t.Fatal("the first restart has to wait")
	}
	for _, want := range []time.Duration{10, 20, 40, 80, 160, 300, 300} {
		b.Restarted(now)
		last.FinishedAt = now
		h, held := b.Hold(pod, last, now)
		if !held || h.Until.Sub(now) != want*time.Second {
			t.Fatalf("hold is %v (%v), want %ds", h.Until.Sub(now), held, want)
		}
		now = h.Until
	}
	now = now.Add(11 * time.Minute)
	last.FinishedAt = now
	if _, held := b.Hold(pod, last, now); held {
		t.Fatal("a container that ran for long has to wait")
	}
}
