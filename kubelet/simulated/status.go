package simulated

import (
	"strconv"

	corev1 "k8s.io/api/core/v1"
	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
	"github.com/coxswain-k8s/coxswain/kubelet/status"
)

// Annotations of pods say what their containers do.
const (
	// ExitCode is that of all containers of a pod that is not restarted; default 0.
	ExitCode = "coxswain.io/simulated-exit-code"
	// Ready "false" keeps containers from being ready.
	Ready = "coxswain.io/simulated-ready"
)

// status is that of a pod on a runtime whose containers do at once what they are there for.
func (p *pods) status(pod *corev1.Pod) corev1.PodStatus {
	started := p.Clock.Now()
	if pod.Status.StartTime != nil {
		started = pod.Status.StartTime.Time
	}
	ends := pod.Spec.RestartPolicy != corev1.RestartPolicyAlways
	state := &runtime.Pod{
		UID: pod.UID, Namespace: pod.Namespace, Name: pod.Name,
		Sandboxes: []runtime.Sandbox{{ID: string(pod.UID), Ready: !ends, CreatedAt: started, HostNet: pod.Spec.HostNetwork, IPs: p.ips(pod)}},
	}
	add := func(c *corev1.Container, ended bool, exit int32) {
		made := &runtime.Container{
			ID: string(pod.UID) + "-" + c.Name, SandboxID: string(pod.UID), Name: c.Name, Image: c.Image, ImageRef: c.Image,
			CreatedAt: started, StartedAt: started, State: runtimeapi.ContainerState_CONTAINER_RUNNING,
		}
		if ended {
			made.State, made.FinishedAt, made.ExitCode, made.Reason = runtimeapi.ContainerState_CONTAINER_EXITED, started, exit, "Completed"
			if exit != 0 {
				made.Reason = "Error"
			}
		}
		state.Containers = append(state.Containers, made)
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		sidecar := c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
		add(c, ends || !sidecar, 0)
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i], ends, exitCode(pod))
	}
	ready := func(string) bool { return pod.Annotations[Ready] != "false" }
	return status.Compute(status.Input{
		Pod: pod, Runtime: state, RuntimeName: "simulated", Ready: ready, Started: func(string) bool { return true },
		HostIPs: []string{addressOf(pod.Spec.NodeName)}, Finished: ends, StartTime: started, Now: p.Clock.Now(),
	})
}

func (p *pods) ips(pod *corev1.Pod) []string {
	if pod.Spec.HostNetwork {
		return nil
	}
	return []string{p.addresses.of(pod)}
}

func exitCode(pod *corev1.Pod) int32 {
	code, err := strconv.ParseInt(pod.Annotations[ExitCode], 10, 32)
	if err != nil {
		return 0
	}
	return int32(code)
}
