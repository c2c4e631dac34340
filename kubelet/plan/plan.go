package plan

import (
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/probe"
	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

// Input is all that the next steps of a pod depend on.
type Input struct {
	Pod *corev1.Pod
	// Found is what the runtime has of it.
	Found *runtime.Pod
	// Started and Failed are the verdicts of the probes on a running container.
	Started func(id string) bool
	Failed  func(id string) (probe.Kind, bool)
	// Hold says why, and until when, a container must not be started yet. last is its latest instance, or nil.
	Hold func(name string, last *runtime.Container) (Hold, bool)
}

// Hold keeps a container from being started until a time.
type Hold struct {
	Until   time.Time
	Waiting corev1.ContainerStateWaiting
}

// Plan is what to do for a pod now. The steps are taken in the order of the fields.
type Plan struct {
	Kill []Kill
	// Sandbox asks for a new one, with this attempt, replacing any others.
	Sandbox bool
	Attempt uint32
	Start   []Start
	// Waiting tells why containers that should run are not started now; Wake is when the earliest of them is due.
	Waiting map[string]corev1.ContainerStateWaiting
	Wake    time.Time
	// Finished says that no app container runs, and none will.
	Finished bool
}

// Kill is a container to stop.
type Kill struct {
	Container *runtime.Container
	Spec      *corev1.Container
	Message   string
	Probe     *probe.Kind // that failed, if one did
}

// Start is a container to make and to start.
type Start struct {
	Spec    *corev1.Container
	Field   string // "spec.containers", for events
	Attempt int
	Last    *runtime.Container
	// Target is the name of the container that an ephemeral one looks into.
	Target string
}

// Idle says that there is nothing to do.
func (p *Plan) Idle() bool { return len(p.Kill) == 0 && len(p.Start) == 0 && !p.Sandbox && !p.Finished }

// Next decides what is to be done:
//
//	no usable sandbox            a new one, unless all containers are done for good
//	init containers              one after the other; sidecars stay, and hold the next up until they have started
//	app containers               all, once the init containers are through
//	ephemeral containers         each once
//	a failed probe, a new image  the container is stopped; that it exited brings the next plan
//	an exited container          is started again as the restart policy says, after its back-off
func (in *Input) Next() Plan {
	p := Plan{Waiting: map[string]corev1.ContainerStateWaiting{}}
	if !in.sandboxUsable() {
		if in.allDone() {
			p.Finished = true
			return p
		}
		p.Sandbox = true
		if s := in.Found.Sandbox(); s != nil {
			p.Attempt = s.Attempt + 1
		}
	} else {
		in.planEphemeral(&p)
	}
	if in.planInit(&p) && !p.Finished {
		in.planApps(&p)
	}
	return p
}

func (in *Input) sandboxUsable() bool {
	s := in.Found.Sandbox()
	return s != nil && s.Ready && (in.Pod.Spec.HostNetwork || len(s.IPs) > 0)
}

// instance is the container's newest instance in the usable sandbox, or nil.
func (in *Input) instance(name string) *runtime.Container {
	c := in.Found.Current(name)
	if c == nil || !in.sandboxUsable() || c.SandboxID != in.Found.Sandbox().ID || neverRan(c) {
		return nil
	}
	return c
}

// allDone says that every app container ran and will not again.
func (in *Input) allDone() bool {
	for i := range in.Pod.Spec.Containers {
		c := &in.Pod.Spec.Containers[i]
		last := in.Found.Current(c.Name)
		if last == nil {
			return in.initFailed()
		}
		if !last.Exited() || restarts(in.Pod, c, last.ExitCode) {
			return false
		}
	}
	return true
}

// initFailed says that an init container failed for good.
func (in *Input) initFailed() bool {
	return slices.ContainsFunc(in.Pod.Spec.InitContainers, func(c corev1.Container) bool {
		last := in.Found.Current(c.Name)
		return !runtime.Restartable(&c) && last.Exited() && last.ExitCode != 0 && !restarts(in.Pod, &c, last.ExitCode)
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
func (in *Input) planInit(p *Plan) bool {
	through := slices.ContainsFunc(in.Pod.Spec.Containers, func(c corev1.Container) bool { return in.instance(c.Name) != nil })
	for i := range in.Pod.Spec.InitContainers {
		c := &in.Pod.Spec.InitContainers[i]
		current := in.instance(c.Name)
		switch {
		case runtime.Restartable(c):
			started := current.Running() && in.Started(current.ID)
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
			if !restarts(in.Pod, c, current.ExitCode) {
				p.Finished = true
				return false
			}
			in.tryStart(p, c, "spec.initContainers")
			return false
		}
	}
	return true
}

func (in *Input) planApps(p *Plan) {
	done := 0
	for i := range in.Pod.Spec.Containers {
		c := &in.Pod.Spec.Containers[i]
		current := in.instance(c.Name)
		switch {
		case current.Running() && current.Hash != runtime.Hash(c):
			p.Kill = append(p.Kill, Kill{Container: current, Spec: c, Message: fmt.Sprintf("Container %s definition changed, will be restarted", c.Name)})
		case current.Running():
			in.checkProbes(p, c, current)
		default:
			if last := in.Found.Current(c.Name); last.Exited() && !restarts(in.Pod, c, last.ExitCode) {
				done++
				continue
			}
			in.tryStart(p, c, "spec.containers")
		}
	}
	p.Finished = done == len(in.Pod.Spec.Containers)
}

func (in *Input) checkProbes(p *Plan, c *corev1.Container, current *runtime.Container) {
	kind, failed := in.Failed(current.ID)
	if !failed {
		return
	}
	name := map[probe.Kind]string{probe.Startup: "startup", probe.Liveness: "liveness"}[kind]
	p.Kill = append(p.Kill, Kill{Container: current, Spec: c, Probe: &kind, Message: fmt.Sprintf("Container %s failed %s probe, will be restarted", c.Name, name)})
}

func (in *Input) planEphemeral(p *Plan) {
	for i := range in.Pod.Spec.EphemeralContainers {
		e := &in.Pod.Spec.EphemeralContainers[i]
		c := corev1.Container(e.EphemeralContainerCommon)
		if last := in.Found.Current(c.Name); last != nil && !neverRan(last) {
			continue
		}
		before := len(p.Start)
		in.tryStart(p, &c, "spec.ephemeralContainers")
		if len(p.Start) > before {
			p.Start[before].Target = e.TargetContainerName
		}
	}
}

func (in *Input) tryStart(p *Plan, c *corev1.Container, field string) {
	last := in.Found.Current(c.Name)
	if h, held := in.Hold(c.Name, last); held {
		p.Waiting[c.Name] = h.Waiting
		if p.Wake.IsZero() || h.Until.Before(p.Wake) {
			p.Wake = h.Until
		}
		return
	}
	p.Start = append(p.Start, Start{Spec: c, Field: field, Last: last, Attempt: in.attempt(c.Name, last)})
}

// neverRan says that the container was made but not started: the kubelet or the runtime ended in between.
func neverRan(c *runtime.Container) bool {
	return c != nil && c.State == runtimeapi.ContainerState_CONTAINER_CREATED
}

// attempt counts the starts of a container. When the runtime has lost its instances, the reported count goes on.
func (in *Input) attempt(name string, last *runtime.Container) int {
	if neverRan(last) {
		return last.Attempt
	}
	if last != nil {
		return last.Attempt + 1
	}
	s := &in.Pod.Status
	for _, list := range [][]corev1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
		for i := range list {
			if list[i].Name == name && (list[i].ContainerID != "" || list[i].RestartCount > 0) {
				return int(list[i].RestartCount) + 1
			}
		}
	}
	return 0
}

// SpecOf finds a container of any kind by name.
func SpecOf(pod *corev1.Pod, name string) *corev1.Container {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	for i := range pod.Spec.EphemeralContainers {
		if pod.Spec.EphemeralContainers[i].Name == name {
			c := corev1.Container(pod.Spec.EphemeralContainers[i].EphemeralContainerCommon)
			return &c
		}
	}
	return nil
}
