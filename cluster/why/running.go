package why

import (
	"cmp"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// lostNode is a pod whose node does not answer.
func lostNode(f *Facts) *report {
	lost := f.lost()
	if lost == "" {
		return nil
	}
	r := &report{cause: "is not known to run: " + lost}
	if f.NodeGone {
		r.help = append(r.help, "wait: the pod is deleted by itself, and its owner makes another")
	} else {
		r.help = append(r.help, "bring the node back: its kubelet has stopped reporting, or says why it is not ready: kubectl describe node "+f.Pod.Spec.NodeName,
			"wait: the pod is evicted when its tolerations of not-ready and unreachable nodes end (5 minutes by default)")
	}
	return r
}

// starting is a pod whose containers are not there yet.
func starting(f *Facts) *report {
	if f.Pod.Status.Phase != corev1.PodPending {
		return nil
	}
	r := &report{cause: "starts on " + f.Pod.Spec.NodeName}
	if f.Pod.Status.StartTime == nil {
		r.cause = "has the node " + f.Pod.Spec.NodeName + ", whose kubelet has not taken it up yet"
		if trouble(f, r); len(r.help) == 0 {
			r.help = append(r.help, "see whether the kubelet works: kubectl describe node "+f.Pod.Spec.NodeName)
		}
		return r
	}
	for _, c := range containers(&f.Pod) {
		if c.init && c.spec.RestartPolicy == nil && c.status.State.Running != nil {
			r.cause = fmt.Sprintf("starts: it waits for %s to end, which has run for %s", c.kind(), f.since(c.status.State.Running.StartedAt))
			r.help = append(r.help, fmt.Sprintf("see what it waits for: kubectl -n %s logs %s -c %s", f.Pod.Namespace, f.Pod.Name, c.spec.Name))
			return r
		}
	}
	trouble(f, r)
	return r
}

// trouble adds what the latest warning says of volumes and of the sandbox.
func trouble(f *Facts, r *report) {
	for _, e := range lately(f.Events) {
		switch e.Reason {
		case "FailedMount", "FailedAttachVolume", "FailedMapVolume":
			r.cause = "cannot start: a volume is missing: " + oneLine(e.Message)
			r.help = append(r.help, mountHelp(f, e.Message))
		case "FailedCreatePodSandBox", "FailedPodSandBoxStatus":
			r.cause = "cannot start: its sandbox cannot be made: " + oneLine(e.Message)
			r.help = append(r.help, "look at the node's runtime and network plugin; the kubelet tries again by itself")
		case "Pulling":
			r.cause = "starts on " + f.Pod.Spec.NodeName + ": an image is being pulled, for " + f.since(metav1.NewTime(when(&e))) + " now"
			r.help = append(r.help, "wait")
		case "Pulled", "Created", "Started", "Scheduled":
		default:
			continue
		}
		return
	}
}

func mountHelp(f *Facts, message string) string {
	low := strings.ToLower(message)
	switch {
	case strings.Contains(low, "multi-attach"):
		return "end the pod that has the volume, or wait until its node gives it up: kubectl get volumeattachments"
	case strings.Contains(low, "attachvolume"):
		return "correct the volume, or look at its driver, which tries again by itself: kubectl get volumeattachments"
	case strings.Contains(low, "configmap") && strings.Contains(low, "not found"):
		return "create the ConfigMap in the namespace " + f.Pod.Namespace + ", or mark it optional; the kubelet tries again by itself"
	case strings.Contains(low, "secret") && strings.Contains(low, "not found"):
		return "create the Secret in the namespace " + f.Pod.Namespace + ", or mark it optional; the kubelet tries again by itself"
	case strings.Contains(low, "hostpath"):
		return "make the path on " + f.Pod.Spec.NodeName + ", or have it made: hostPath.type: DirectoryOrCreate"
	}
	return "correct the volume or what provides it; the kubelet tries again by itself"
}

// unready is a pod that runs and is not ready.
func unready(f *Facts) *report {
	ready := f.condition(corev1.PodReady)
	if ready == nil || ready.Status == corev1.ConditionTrue {
		return nil
	}
	since := " (" + f.ago(ready.LastTransitionTime) + ")"
	for _, c := range containers(&f.Pod) {
		if c.status.Ready || c.status.State.Running == nil {
			continue
		}
		which := "Readiness"
		if c.spec.StartupProbe != nil && c.status.Started != nil && !*c.status.Started {
			which = "Startup"
		}
		return probing(f, c, which, since)
	}
	for _, gate := range f.Pod.Spec.ReadinessGates {
		if c := f.condition(gate.ConditionType); c == nil || c.Status != corev1.ConditionTrue {
			r := &report{cause: fmt.Sprintf("runs and is not ready: its readiness gate %s is not true%s", gate.ConditionType, since)}
			if c != nil {
				r.add("Gate", fmt.Sprintf("%s: %s %s", c.Status, c.Reason, oneLine(c.Message)))
			}
			r.help = append(r.help, "look for the controller that sets the condition "+string(gate.ConditionType))
			return r
		}
	}
	return &report{cause: "runs and is not ready: " + cmp.Or(oneLine(ready.Message), ready.Reason) + since}
}

func probing(f *Facts, c container, which, since string) *report {
	probe, low := probeOf(c, which), strings.ToLower(which)
	r := &report{cause: fmt.Sprintf("runs and is not ready: %s is not%s", c.kind(), since)}
	if probe == nil {
		return r
	}
	r.cause = fmt.Sprintf("runs and is not ready: the %s probe of %s has not succeeded%s", low, c.kind(), since)
	lines := []string{describe(probe)}
	if e := f.last(c.spec.Name, which+" probe", "Unhealthy"); e != nil {
		r.cause = fmt.Sprintf("runs and is not ready: the %s probe of %s fails%s", low, c.kind(), since)
		lines = append(lines, fmt.Sprintf("%s (%s)", oneLine(e.Message), f.ago(metav1.NewTime(when(e)))))
	}
	r.help = append(r.help, probeHelp(strings.Join(lines, " "), low)...)
	r.help = append(r.help, fmt.Sprintf("see what it does: kubectl -n %s logs %s -c %s", f.Pod.Namespace, f.Pod.Name, c.spec.Name))
	return r.add("Probe", lines...)
}

func probeHelp(text, which string) []string {
	switch {
	case strings.Contains(text, "connection refused"):
		return []string{"have the program listen on the probe's port on all addresses, or correct the port"}
	case strings.Contains(text, "statuscode: 404"):
		return []string{"correct the probe's path: the program does not know it"}
	case strings.Contains(text, "deadline exceeded"), strings.Contains(text, "timed out"), strings.Contains(text, "Timeout"):
		return []string{"have the program answer faster, or raise " + which + "Probe.timeoutSeconds"}
	}
	return nil
}

func probeOf(c container, which string) *corev1.Probe {
	return map[string]*corev1.Probe{"Readiness": c.spec.ReadinessProbe, "Liveness": c.spec.LivenessProbe, "Startup": c.spec.StartupProbe}[which]
}

// describe a probe as kubectl describe does.
func describe(p *corev1.Probe) string {
	if p == nil {
		return "the probe is no longer there"
	}
	what := "unknown"
	switch {
	case p.Exec != nil:
		what = "exec " + oneLine(strings.Join(p.Exec.Command, " "))
	case p.HTTPGet != nil:
		what = fmt.Sprintf("%s://:%s%s", strings.ToLower(string(cmp.Or(p.HTTPGet.Scheme, corev1.URISchemeHTTP))), p.HTTPGet.Port.String(), p.HTTPGet.Path)
	case p.TCPSocket != nil:
		what = "tcp :" + p.TCPSocket.Port.String()
	case p.GRPC != nil:
		what = fmt.Sprintf("grpc :%d", p.GRPC.Port)
	}
	return fmt.Sprintf("%s, delay %ds, timeout %ds, every %ds, fails after %d", what, p.InitialDelaySeconds, max(p.TimeoutSeconds, 1), max(p.PeriodSeconds, 1), max(p.FailureThreshold, 1))
}

// healthy is everything else.
func healthy(f *Facts) *report {
	r := &report{cause: "is " + strings.ToLower(string(cmp.Or(f.Pod.Status.Phase, corev1.PodUnknown)))}
	if ready := f.condition(corev1.PodReady); ready != nil && ready.Status == corev1.ConditionTrue {
		r.cause = "runs on " + f.Pod.Spec.NodeName + " and has been ready for " + f.since(ready.LastTransitionTime)
		evictable(f, r)
	}
	var lines []string
	for _, c := range containers(&f.Pod) {
		if ended := c.status.LastTerminationState.Terminated; ended != nil {
			lines = append(lines, fmt.Sprintf("%s: %s, the last ended %s with %s", c.kind(), plural(int(c.status.RestartCount), "restart"), f.ago(ended.FinishedAt), outcome(ended)))
		}
	}
	return r.add("Restarts", lines...)
}
