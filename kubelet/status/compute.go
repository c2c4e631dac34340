package status

import (
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

// Input is all that a pod's status depends on.
type Input struct {
	// Pod is the API object; its status is what was reported before.
	Pod     *corev1.Pod
	Runtime *runtime.Pod
	// RuntimeName is the scheme of container ids, "containerd".
	RuntimeName string
	// Waiting tells, by container name, why a container that should run does not.
	Waiting map[string]corev1.ContainerStateWaiting
	// Ready and Started tell what the probes of a running container say.
	Ready, Started func(containerID string) bool
	HostIPs        []string
	// Granted are the resources that the node gives each container, Applied those that its cgroup has. Containers that are missing have those of their specification.
	Granted, Applied map[string]corev1.ResourceRequirements
	// ResizePending (Deferred or Infeasible) says that the specification asks for more than is granted, ResizeMessage why.
	ResizePending, ResizeMessage string
	// Finished says that no container runs, and none will again: the phase becomes final.
	Finished bool
	// Reason and Message are the pod's own ("Evicted", "DeadlineExceeded"); with Failed they make the phase Failed whatever the containers did.
	Reason, Message string
	Failed          bool
	StartTime       time.Time
	Now             time.Time
}

// Compute returns the pod's status. Times of conditions are those of now; Writer keeps the old ones of unchanged conditions.
func Compute(in Input) corev1.PodStatus {
	pod := in.Pod
	if in.Failed && in.Runtime.AnyRunning() {
		// While a process may still run the phase is not final: others would take the pod's place.
		in.Failed, in.Reason, in.Message = false, pod.Status.Reason, pod.Status.Message
	}
	s := corev1.PodStatus{
		ObservedGeneration: pod.Generation, Reason: in.Reason, Message: in.Message, QOSClass: runtime.QOS(pod),
		NominatedNodeName: pod.Status.NominatedNodeName, ResourceClaimStatuses: pod.Status.ResourceClaimStatuses, Resize: pod.Status.Resize,
		ExtendedResourceClaimStatus: pod.Status.ExtendedResourceClaimStatus,
	}
	if start := metav1.NewTime(in.StartTime).Rfc3339Copy(); !in.StartTime.IsZero() {
		s.StartTime = &start
	}
	if in.Failed && in.Runtime.Sandbox() == nil && len(pod.Status.ContainerStatuses) == 0 {
		// Rejected: there never was anything to report of its containers.
		s.Phase = corev1.PodFailed
		s.Conditions = in.conditions(&s)
		return s
	}
	in.addresses(&s)
	s.InitContainerStatuses = in.containers(pod.Spec.InitContainers, pod.Status.InitContainerStatuses, true)
	s.ContainerStatuses = in.containers(pod.Spec.Containers, pod.Status.ContainerStatuses, false)
	slices.SortFunc(s.ContainerStatuses, func(a, b corev1.ContainerStatus) int { return strings.Compare(a.Name, b.Name) })
	s.EphemeralContainerStatuses = in.containers(ephemeral(pod), pod.Status.EphemeralContainerStatuses, false)
	slices.SortFunc(s.EphemeralContainerStatuses, func(a, b corev1.ContainerStatus) int { return strings.Compare(a.Name, b.Name) })
	s.Phase = in.phase(&s)
	s.Conditions = in.conditions(&s)
	return s
}

func ephemeral(pod *corev1.Pod) []corev1.Container {
	out := make([]corev1.Container, 0, len(pod.Spec.EphemeralContainers))
	for _, e := range pod.Spec.EphemeralContainers {
		out = append(out, corev1.Container(e.EphemeralContainerCommon))
	}
	return out
}

func (in *Input) addresses(s *corev1.PodStatus) {
	for i, ip := range in.HostIPs {
		if i == 0 {
			s.HostIP = ip
		}
		s.HostIPs = append(s.HostIPs, corev1.HostIP{IP: ip})
	}
	ips := in.Runtime.IPs()
	if in.Pod.Spec.HostNetwork && in.Runtime.Sandbox() != nil {
		ips = in.HostIPs
	}
	before := in.Pod.Status.Phase
	ended := in.Finished || in.Pod.DeletionTimestamp != nil || before == corev1.PodSucceeded || before == corev1.PodFailed
	if len(ips) == 0 && ended {
		// A pod that ended keeps the address that it had, also when the kubelet starts anew.
		s.PodIP, s.PodIPs = in.Pod.Status.PodIP, in.Pod.Status.PodIPs
		return
	}
	for i, ip := range ips {
		if i == 0 {
			s.PodIP = ip
		}
		s.PodIPs = append(s.PodIPs, corev1.PodIP{IP: ip})
	}
}

func (in *Input) containers(specs []corev1.Container, before []corev1.ContainerStatus, init bool) []corev1.ContainerStatus {
	var out []corev1.ContainerStatus
	for i := range specs {
		var old *corev1.ContainerStatus
		if j := slices.IndexFunc(before, func(s corev1.ContainerStatus) bool { return s.Name == specs[i].Name }); j >= 0 {
			old = &before[j]
		}
		out = append(out, in.container(&specs[i], old, init))
	}
	return out
}

func (in *Input) container(spec *corev1.Container, old *corev1.ContainerStatus, init bool) corev1.ContainerStatus {
	current := in.Runtime.Current(spec.Name)
	if current == nil {
		return in.absent(spec, old)
	}
	s := corev1.ContainerStatus{
		Name: spec.Name, RestartCount: int32(current.Attempt), Image: current.Image, ImageID: current.ImageRef,
		ContainerID: in.RuntimeName + "://" + current.ID, VolumeMounts: volumeMounts(spec),
	}
	s.AllocatedResources = pick(in.Granted, spec).Requests.DeepCopy()
	applied := pick(in.Applied, spec)
	s.Resources = &corev1.ResourceRequirements{Limits: applied.Limits.DeepCopy(), Requests: applied.Requests.DeepCopy()}
	if current.User != nil {
		s.User = &corev1.ContainerUser{Linux: current.User.DeepCopy()}
	}
	if current.StopSignal != "" && spec.Lifecycle != nil && spec.Lifecycle.StopSignal != nil {
		signal := corev1.Signal(current.StopSignal)
		s.StopSignal = &signal
	}
	if previous := in.Runtime.Instance(spec.Name, 1); previous.Exited() {
		s.LastTerminationState.Terminated = in.terminated(previous)
	} else if old != nil && int(old.RestartCount) == current.Attempt {
		s.LastTerminationState = old.LastTerminationState
	}
	waiting, isWaiting := in.Waiting[spec.Name]
	switch {
	case current.State == runtimeapi.ContainerState_CONTAINER_RUNNING:
		s.State.Running = &corev1.ContainerStateRunning{StartedAt: seconds(current.StartedAt)}
	case current.Exited() && isWaiting:
		s.State.Waiting = &waiting
		s.LastTerminationState.Terminated = in.terminated(current)
	case current.Exited():
		s.State.Terminated = in.terminated(current)
	case isWaiting:
		s.State.Waiting = &waiting
	default:
		s.State.Waiting = in.pending()
	}
	in.probes(&s, spec, current, init)
	return s
}

func pick(from map[string]corev1.ResourceRequirements, spec *corev1.Container) corev1.ResourceRequirements {
	if r, ok := from[spec.Name]; ok {
		return r
	}
	return spec.Resources
}

func (in *Input) probes(s *corev1.ContainerStatus, spec *corev1.Container, current *runtime.Container, init bool) {
	running := s.State.Running != nil
	started := running && (in.Started == nil || in.Started(current.ID))
	s.Started = &started
	if init && !runtime.Restartable(spec) {
		s.Ready = s.State.Terminated != nil && s.State.Terminated.ExitCode == 0
		return
	}
	s.Ready = started && (in.Ready == nil || in.Ready(current.ID))
}

// absent reports a container that the runtime does not have: not yet, or not any more.
func (in *Input) absent(spec *corev1.Container, old *corev1.ContainerStatus) corev1.ContainerStatus {
	started := false
	s := corev1.ContainerStatus{Name: spec.Name, Image: spec.Image, Started: &started, VolumeMounts: volumeMounts(spec)}
	if old != nil {
		s.RestartCount, s.LastTerminationState = old.RestartCount, old.LastTerminationState
		if old.State.Terminated != nil {
			return *old
		}
	}
	lost := old != nil && old.State.Running != nil
	if lost {
		t := &corev1.ContainerStateTerminated{
			ExitCode: 137, Reason: "ContainerStatusUnknown", ContainerID: old.ContainerID,
			Message: "The container could not be located when the pod was deleted.  The container used to be Running",
		}
		if in.Finished {
			s.ImageID, s.ContainerID = old.ImageID, old.ContainerID
			t.Message = "The container could not be located when the pod was terminated"
			s.State.Terminated = t
			return s
		}
		s.LastTerminationState.Terminated = t
	}
	if waiting, ok := in.Waiting[spec.Name]; ok {
		s.State.Waiting = &waiting
		return s
	}
	s.State.Waiting = in.pending()
	return s
}

func (in *Input) pending() *corev1.ContainerStateWaiting {
	if len(in.Pod.Spec.InitContainers) > 0 {
		return &corev1.ContainerStateWaiting{Reason: "PodInitializing"}
	}
	return &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}
}

func (in *Input) terminated(c *runtime.Container) *corev1.ContainerStateTerminated {
	t := &corev1.ContainerStateTerminated{
		ExitCode: c.ExitCode, Reason: c.Reason, Message: c.Message, StartedAt: seconds(c.StartedAt), FinishedAt: seconds(c.FinishedAt),
		ContainerID: in.RuntimeName + "://" + c.ID,
	}
	if t.Reason == "" {
		t.Reason = "Error"
		if t.ExitCode == 0 {
			t.Reason = "Completed"
		}
	}
	return t
}

// seconds drops what the wire format cannot say, so that what was written compares equal to what is computed.
func seconds(t time.Time) metav1.Time {
	if t.IsZero() {
		return metav1.Time{}
	}
	return metav1.NewTime(t).Rfc3339Copy()
}

func volumeMounts(spec *corev1.Container) []corev1.VolumeMountStatus {
	var out []corev1.VolumeMountStatus
	for _, m := range spec.VolumeMounts {
		s := corev1.VolumeMountStatus{Name: m.Name, MountPath: m.MountPath, ReadOnly: m.ReadOnly}
		if m.ReadOnly {
			mode := corev1.RecursiveReadOnlyDisabled
			s.RecursiveReadOnly = &mode
		}
		out = append(out, s)
	}
	return out
}
