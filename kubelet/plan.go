package kubelet

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/probe"
	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

// planInput is all that the next steps of a pod depend on.
type planInput struct {
	pod *corev1.Pod
	rt  *runtime.Pod
	// started and failed are the verdicts of the probes on a running container.
	started func(id string) bool
	failed  func(id string) (probe.Kind, bool)
	// hold says why, and until when, a container must not be started yet. last is its latest instance, or nil.
	hold func(name string, last *runtime.Container) (hold, bool)
}

// hold keeps a container from being started until a time.
type hold struct {
	until   time.Time
	waiting corev1.ContainerStateWaiting
}

// plan is what to do for a pod now. The steps are taken in the order of the fields.
type plan struct {
	kill []killStep
	// sandbox asks for a new one, with this attempt, replacing any others.
	sandbox bool
	attempt uint32
	start   []startStep
	// waiting tells why containers that should run are not started now; wake is when the earliest of them is due.
	waiting map[string]corev1.ContainerStateWaiting
	wake    time.Time
	// finished says that no app container runs, and none will.
	finished bool
}

type killStep struct {
	container *runtime.Container
	spec      *corev1.Container
	message   string
	probe     *probe.Kind
}

type startStep struct {
	spec    *corev1.Container
	field   string // "spec.containers", for events
	attempt int
	last    *runtime.Container
	// target is the name of the container that an ephemeral one looks into.
	target string
}

func (p *plan) idle() bool { return len(p.kill) == 0 && len(p.start) == 0 && !p.sandbox && !p.finished }

// next decides what is to be done:
//
//	no usable sandbox            a new one, unless all containers are done for good
//	init containers              one after the other; sidecars stay, and hold the next up until they have started
//	app containers               all, once the init containers are through
//	ephemeral containers         each once
//	a failed probe, a new image  the container is stopped; that it exited brings the next plan
//	an exited container          is started again as the restart policy says, after its back-off
func (in *planInput) next() plan {
	p := plan{waiting: map[string]corev1.ContainerStateWaiting{}}
	if !in.sandboxUsable() {
		if in.allDone() {
			p.finished = true
			return p
		}
		p.sandbox = true
		if s := in.rt.Sandbox(); s != nil {
			p.attempt = s.Attempt + 1
		}
	} else {
		in.planEphemeral(&p)
	}
	if in.planInit(&p) && !p.finished {
		in.planApps(&p)
	}
	return p
}

func (in *planInput) sandboxUsable() bool {
	s := in.rt.Sandbox()
	return s != nil && s.Ready && (in.pod.Spec.HostNetwork || len(s.IPs) > 0)
}

// instance is the container's newest instance in the usable sandbox, or nil.
func (in *planInput) instance(name string) *runtime.Container {
	c := in.rt.Current(name)
	if c == nil || !in.sandboxUsable() || c.SandboxID != in.rt.Sandbox().ID || neverRan(c) {
		return nil
	}
	return c
}

// allDone says that every app container ran and will not again.
func (in *planInput) allDone() bool {
	for i := range in.pod.Spec.Containers {
		c := &in.pod.Spec.Containers[i]
		last := in.rt.Current(c.Name)
		if last == nil {
			return in.initFailed()
		}
		if !last.Exited() || restarts(in.pod, c, last.ExitCode) {
			return false
		}
	}
	return true
}

// initFailed says that an init container failed for good.
func (in *planInput) initFailed() bool {
	return slices.ContainsFunc(in.pod.Spec.InitContainers, func(c corev1.Container) bool {
		last := in.rt.Current(c.Name)
		return !runtime.Restartable(&c) && last.Exited() && last.ExitCode != 0 && !restarts(in.pod, &c, last.ExitCode)
	})
}

// restarts says whether a container that exited is to run again: its own rules, then its own policy, then the pod's.
func restarts(pod *corev1.Pod, c *corev1.Container, exitCode int32) bool {
	for _, rule := range c.RestartPolicyRules {
		if rule.ExitCodes == nil {
			continue
		}
		if slices.Contains(rule.ExitCodes.Values, exitCode) == (rule.ExitCodes.Operator == corev1.ContainerRestartRuleOnExitCodesOpIn) {
			return true
		}
	}
	policy := pod.Spec.RestartPolicy
	if c.RestartPolicy != nil {
		policy = corev1.RestartPolicy(*c.RestartPolicy)
	}
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return exitCode != 0
	}
	return true
}

// planInit returns whether all init containers are through.
func (in *planInput) planInit(p *plan) bool {
	through := slices.ContainsFunc(in.pod.Spec.Containers, func(c corev1.Container) bool { return in.instance(c.Name) != nil })
	for i := range in.pod.Spec.InitContainers {
		c := &in.pod.Spec.InitContainers[i]
		current := in.instance(c.Name)
		switch {
		case runtime.Restartable(c):
			started := current.Running() && in.started(current.ID)
			if current.Running() {
				in.checkProbes(p, c, current)
			} else {
				in.tryStart(p, c, "spec.initContainers")
			}
			if !started && !through {
				return false
			}
		case through:
		case current == nil:
			in.tryStart(p, c, "spec.initContainers")
			return false
		case current.Running():
			return false
		case current.ExitCode != 0:
			if !restarts(in.pod, c, current.ExitCode) {
				p.finished = true
				return false
			}
			in.tryStart(p, c, "spec.initContainers")
			return false
		}
	}
	return true
}

func (in *planInput) planApps(p *plan) {
	done := 0
	for i := range in.pod.Spec.Containers {
		c := &in.pod.Spec.Containers[i]
		current := in.instance(c.Name)
		switch {
		case current.Running() && current.Hash != runtime.Hash(c):
			p.kill = append(p.kill, killStep{container: current, spec: c, message: fmt.Sprintf("Container %s definition changed, will be restarted", c.Name)})
		case current.Running():
			in.checkProbes(p, c, current)
		default:
			if last := in.rt.Current(c.Name); last.Exited() && !restarts(in.pod, c, last.ExitCode) {
				done++
				continue
			}
			in.tryStart(p, c, "spec.containers")
		}
	}
	p.finished = done == len(in.pod.Spec.Containers)
}

func (in *planInput) checkProbes(p *plan, c *corev1.Container, current *runtime.Container) {
	kind, failed := in.failed(current.ID)
	if !failed {
		return
	}
	name := map[probe.Kind]string{probe.Startup: "startup", probe.Liveness: "liveness"}[kind]
	p.kill = append(p.kill, killStep{container: current, spec: c, probe: &kind, message: fmt.Sprintf("Container %s failed %s probe, will be restarted", c.Name, name)})
}

func (in *planInput) planEphemeral(p *plan) {
	for i := range in.pod.Spec.EphemeralContainers {
		e := &in.pod.Spec.EphemeralContainers[i]
		c := corev1.Container(e.EphemeralContainerCommon)
		if last := in.rt.Current(c.Name); last != nil && !neverRan(last) {
			continue
		}
		before := len(p.start)
		in.tryStart(p, &c, "spec.ephemeralContainers")
		if len(p.start) > before {
			p.start[before].target = e.TargetContainerName
		}
	}
}

func (in *planInput) tryStart(p *plan, c *corev1.Container, field string) {
	last := in.rt.Current(c.Name)
	if h, held := in.hold(c.Name, last); held {
		p.waiting[c.Name] = h.waiting
		if p.wake.IsZero() || h.until.Before(p.wake) {
			p.wake = h.until
		}
		return
	}
	p.start = append(p.start, startStep{spec: c, field: field, last: last, attempt: in.attempt(c.Name, last)})
}

// neverRan says that the container was made but not started: the kubelet or the runtime ended in between.
func neverRan(c *runtime.Container) bool {
	return c != nil && c.State == runtimeapi.ContainerState_CONTAINER_CREATED
}

// attempt counts the starts of a container. When the runtime has lost its instances, the reported count goes on.
func (in *planInput) attempt(name string, last *runtime.Container) int {
	if neverRan(last) {
		return last.Attempt
	}
	if last != nil {
		return last.Attempt + 1
	}
	s := &in.pod.Status
	for _, list := range [][]corev1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
		for i := range list {
			if list[i].Name == name && (list[i].ContainerID != "" || list[i].RestartCount > 0) {
				return int(list[i].RestartCount) + 1
			}
		}
	}
	return 0
}
