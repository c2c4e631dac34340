package status

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/kubelet/runtime"
)

// owned are the conditions that the kubelet writes. PodScheduled is the scheduler's: it is only added where it is missing.
func owned(t corev1.PodConditionType) bool {
	switch t {
	case corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled,
		corev1.PodResizePending, corev1.PodResizeInProgress:
		return true
	}
	return false
}

func (in *Input) conditions(s *corev1.PodStatus) []corev1.PodCondition {
	sandbox := in.Runtime.Sandbox()
	ready := in.containersReady(s)
	out := []corev1.PodCondition{
		condition(corev1.PodReadyToStartContainers, sandbox != nil && sandbox.Ready, "", ""),
		in.initialized(s),
		in.ready(ready),
		ready,
	}
	scheduled := condition(corev1.PodScheduled, true, "", "")
	if i := slices.IndexFunc(in.Pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodScheduled }); i >= 0 && in.Pod.Status.Conditions[i].Status == corev1.ConditionTrue {
		scheduled = in.Pod.Status.Conditions[i]
	}
	out = append(out, scheduled)
	out = append(out, in.resizing()...)
	for i := range out {
		out[i].ObservedGeneration = in.Pod.Generation
		if out[i].LastTransitionTime.IsZero() {
			out[i].LastTransitionTime = metav1.NewTime(in.Now).Rfc3339Copy()
		}
	}
	for _, c := range in.Pod.Status.Conditions {
		if !owned(c.Type) {
			out = append(out, c)
		}
	}
	return out
}

func condition(t corev1.PodConditionType, value bool, reason, message string) corev1.PodCondition {
	c := corev1.PodCondition{Type: t, Status: corev1.ConditionFalse, Reason: reason, Message: message}
	if value {
		c.Status = corev1.ConditionTrue
	}
	return c
}

func (in *Input) initialized(s *corev1.PodStatus) corev1.PodCondition {
	names := incomplete(in.Pod, s)
	switch {
	case s.Phase == corev1.PodSucceeded:
		return condition(corev1.PodInitialized, true, "PodCompleted", "")
	case len(names) > 0:
		return condition(corev1.PodInitialized, false, "ContainersNotInitialized", fmt.Sprintf("containers with incomplete status: [%s]", strings.Join(names, " ")))
	}
	return condition(corev1.PodInitialized, true, "", "")
}

func (in *Input) containersReady(s *corev1.PodStatus) corev1.PodCondition {
	switch s.Phase {
	case corev1.PodSucceeded:
		return condition(corev1.ContainersReady, false, "PodCompleted", "")
	case corev1.PodFailed:
		return condition(corev1.ContainersReady, false, "PodFailed", "")
	}
	var names []string
	for i := range s.InitContainerStatuses {
		if runtime.Restartable(&in.Pod.Spec.InitContainers[i]) && !s.InitContainerStatuses[i].Ready {
			names = append(names, s.InitContainerStatuses[i].Name)
		}
	}
	for i := range in.Pod.Spec.Containers {
		name := in.Pod.Spec.Containers[i].Name
		if j := slices.IndexFunc(s.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.Name == name }); j < 0 || !s.ContainerStatuses[j].Ready {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		return condition(corev1.ContainersReady, false, "ContainersNotReady", fmt.Sprintf("containers with unready status: [%s]", strings.Join(names, " ")))
	}
	return condition(corev1.ContainersReady, true, "", "")
}

// ready adds the readiness gates, which others answer, to the containers' readiness.
func (in *Input) ready(containers corev1.PodCondition) corev1.PodCondition {
	if containers.Status != corev1.ConditionTrue {
		return condition(corev1.PodReady, false, containers.Reason, containers.Message)
	}
	var missing []string
	for _, gate := range in.Pod.Spec.ReadinessGates {
		i := slices.IndexFunc(in.Pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == gate.ConditionType })
		switch {
		case i < 0:
			missing = append(missing, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", string(gate.ConditionType)))
		case in.Pod.Status.Conditions[i].Status != corev1.ConditionTrue:
			missing = append(missing, fmt.Sprintf("the status of pod readiness gate %q is not \"True\", but %v", string(gate.ConditionType), in.Pod.Status.Conditions[i].Status))
		}
	}
	if len(missing) > 0 {
		return condition(corev1.PodReady, false, "ReadinessGatesNotReady", strings.Join(missing, ", "))
	}
	return condition(corev1.PodReady, true, "", "")
}

// resizing tells of a resize that waits for room, or that is granted and not applied to all containers yet.
func (in *Input) resizing() []corev1.PodCondition {
	var out []corev1.PodCondition
	if in.ResizePending != "" {
		out = append(out, condition(corev1.PodResizePending, true, in.ResizePending, in.ResizeMessage))
	}
	for name, granted := range in.Granted {
		if applied, ok := in.Applied[name]; ok && in.Runtime.Current(name).Running() && !equality.Semantic.DeepEqual(granted, applied) {
			return append(out, condition(corev1.PodResizeInProgress, true, "", ""))
		}
	}
	return out
}
