package pod

import (
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func columns() []metav1.TableColumnDefinition {
	return resource.Columns("Name:name", "Ready", "Status", "Restarts", "Age", "IP:wide", "Node:wide", "Nominated Node:wide", "Readiness Gates:wide")
}

func cells(pod *corev1.Pod, now time.Time) []any {
	s := summarize(pod)
	restarts := strconv.Itoa(s.restarts)
	if s.restarts != 0 && !s.lastRestart.IsZero() {
		restarts = fmt.Sprintf("%d (%s ago)", s.restarts, resource.Age(s.lastRestart, now))
	}
	ip := ""
	if len(pod.Status.PodIPs) > 0 {
		ip = pod.Status.PodIPs[0].IP
	}
	return []any{
		pod.Name,
		fmt.Sprintf("%d/%d", s.ready, s.total),
		s.reason,
		restarts,
		resource.AgeOf(pod, now),
		resource.OrNone(ip),
		resource.OrNone(pod.Spec.NodeName),
		resource.OrNone(pod.Status.NominatedNodeName),
		readinessGates(pod),
	}
}

// rowConditions hide pods that are over where only live ones are asked for.
func rowConditions(pod *corev1.Pod) []metav1.TableRowCondition {
	switch pod.Status.Phase {
	case corev1.PodSucceeded:
		return []metav1.TableRowCondition{{Type: metav1.RowCompleted, Status: metav1.ConditionTrue, Reason: "Succeeded", Message: "The pod has completed successfully."}}
	case corev1.PodFailed:
		return []metav1.TableRowCondition{{Type: metav1.RowCompleted, Status: metav1.ConditionTrue, Reason: "Failed", Message: "The pod failed."}}
	}
	return nil
}

// summary is what people see of a pod's life in one line.
type summary struct {
	reason       string
	ready, total int
	restarts     int
	lastRestart  metav1.Time
}

func summarize(pod *corev1.Pod) summary {
	s := summary{reason: string(pod.Status.Phase), total: len(pod.Spec.Containers)}
	if pod.Status.Reason != "" {
		s.reason = pod.Status.Reason
	}
	if c := conditionOf(pod, corev1.PodScheduled); c != nil && c.Reason == corev1.PodReasonSchedulingGated {
		s.reason = corev1.PodReasonSchedulingGated
	}
	initializing := s.addInitContainers(pod)
	if !initializing || conditionTrue(pod, corev1.PodInitialized) {
		s.addContainers(pod)
	}
	switch over := pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed; {
	case pod.DeletionTimestamp == nil:
	case pod.Status.Reason == "NodeLost":
		s.reason = string(corev1.PodUnknown)
	case !over:
		s.reason = "Terminating"
	}
	return s
}

// addInitContainers goes through the init containers up to the one that is not done yet. Restarts of
// those that are done do not count any more once the pod is initialized; those of sidecars do.
func (s *summary) addInitContainers(pod *corev1.Pod) (initializing bool) {
	sidecars := map[string]bool{}
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; ptr.Deref(c.RestartPolicy, "") == corev1.ContainerRestartPolicyAlways {
			sidecars[c.Name] = true
			s.total++
		}
	}
	sidecarRestarts, lastSidecarRestart := 0, metav1.Time{}
	for i := range pod.Status.InitContainerStatuses {
		c := &pod.Status.InitContainerStatuses[i]
		s.restarted(c)
		if sidecars[c.Name] {
			sidecarRestarts += int(c.RestartCount)
			lastSidecarRestart = later(lastSidecarRestart, lastRestart(c))
		}
		reason, done := initState(c, sidecars[c.Name])
		if done {
			if sidecars[c.Name] && c.State.Terminated == nil && c.Ready {
				s.ready++
			}
			continue
		}
		if reason == "" {
			reason = fmt.Sprintf("%d/%d", i, len(pod.Spec.InitContainers))
		}
		s.reason = "Init:" + reason
		initializing = true
		break
	}
	if !initializing || conditionTrue(pod, corev1.PodInitialized) {
		s.restarts, s.lastRestart = sidecarRestarts, lastSidecarRestart
	}
	return initializing
}

// initState says whether an init container is done (a sidecar when it has started), and else why not.
func initState(c *corev1.ContainerStatus, sidecar bool) (reason string, done bool) {
	terminated, waiting := c.State.Terminated, c.State.Waiting
	switch {
	case terminated != nil && terminated.ExitCode == 0:
		return "", true
	case sidecar && ptr.Deref(c.Started, false):
		return "", true
	case terminated != nil:
		return endReason(terminated), false
	case waiting != nil && waiting.Reason != "PodInitializing":
		return waiting.Reason, false
	}
	return "", false
}

func endReason(t *corev1.ContainerStateTerminated) string {
	switch {
	case t.Reason != "":
		return t.Reason
	case t.Signal != 0:
		return fmt.Sprintf("Signal:%d", t.Signal)
	}
	return fmt.Sprintf("ExitCode:%d", t.ExitCode)
}

func (s *summary) addContainers(pod *corev1.Pod) {
	running := false
	for i := len(pod.Status.ContainerStatuses) - 1; i >= 0; i-- {
		c := &pod.Status.ContainerStatuses[i]
		s.restarted(c)
		switch {
		case c.State.Waiting != nil && c.State.Waiting.Reason != "":
			s.reason = c.State.Waiting.Reason
		case c.State.Terminated != nil:
			s.reason = endReason(c.State.Terminated)
		case c.Ready && c.State.Running != nil:
			running = true
			s.ready++
		}
	}
	if s.reason == "Completed" && running {
		s.reason = "NotReady"
		if conditionTrue(pod, corev1.PodReady) {
			s.reason = string(corev1.PodRunning)
		}
	}
}

func (s *summary) restarted(c *corev1.ContainerStatus) {
	s.restarts += int(c.RestartCount)
	s.lastRestart = later(s.lastRestart, lastRestart(c))
}

func lastRestart(c *corev1.ContainerStatus) metav1.Time {
	if c.LastTerminationState.Terminated == nil {
		return metav1.Time{}
	}
	return c.LastTerminationState.Terminated.FinishedAt
}

func later(a, b metav1.Time) metav1.Time {
	if a.Before(&b) {
		return b
	}
	return a
}

func readinessGates(pod *corev1.Pod) string {
	if len(pod.Spec.ReadinessGates) == 0 {
		return resource.None
	}
	open := 0
	for _, gate := range pod.Spec.ReadinessGates {
		if conditionTrue(pod, gate.ConditionType) {
			open++
		}
	}
	return fmt.Sprintf("%d/%d", open, len(pod.Spec.ReadinessGates))
}

func conditionOf(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

func conditionTrue(pod *corev1.Pod, kind corev1.PodConditionType) bool {
	c := conditionOf(pod, kind)
	return c != nil && c.Status == corev1.ConditionTrue
}
