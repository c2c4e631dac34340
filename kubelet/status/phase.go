package status

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

// phase sums the containers up. A phase that was final stays.
func (in *Input) phase(s *corev1.PodStatus) corev1.PodPhase {
	if old := in.Pod.Status.Phase; old == corev1.PodFailed || old == corev1.PodSucceeded {
		return old
	}
	if in.Failed {
		return corev1.PodFailed
	}
	if !initialized(in.Pod, s) {
		if in.Finished {
			return corev1.PodFailed
		}
		return corev1.PodPending
	}
	running, waiting, stopped, failed := 0, 0, 0, 0
	for i := range s.ContainerStatuses {
		c := &s.ContainerStatuses[i]
		switch {
		case c.State.Running != nil:
			running++
		case c.State.Terminated != nil:
			stopped++
			if c.State.Terminated.ExitCode != 0 {
				failed++
			}
		case c.LastTerminationState.Terminated != nil:
			stopped++
		default:
			waiting++
		}
	}
	switch {
	case in.Finished && failed == 0 && waiting == 0 && stopped == len(s.ContainerStatuses):
		return corev1.PodSucceeded
	case in.Finished:
		return corev1.PodFailed
	case waiting > 0:
		return corev1.PodPending
	}
	return corev1.PodRunning
}

// initialized says whether all init containers are through: exited well, or, for sidecars, started.
func initialized(pod *corev1.Pod, s *corev1.PodStatus) bool {
	return len(incomplete(pod, s)) == 0
}

func incomplete(pod *corev1.Pod, s *corev1.PodStatus) []string {
	// Once an app container was there, init is over, whatever a sidecar does later.
	for i := range s.ContainerStatuses {
		if s.ContainerStatuses[i].ContainerID != "" {
			return nil
		}
	}
	var names []string
	for i := range s.InitContainerStatuses {
		c := &s.InitContainerStatuses[i]
		if runtime.Restartable(&pod.Spec.InitContainers[i]) {
			if c.Started == nil || !*c.Started {
				names = append(names, c.Name)
			}
			continue
		}
		if !c.Ready {
			names = append(names, c.Name)
		}
	}
	return names
}
