package why

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/duration"
	"k8s.io/utils/ptr"
)

// terminating is a pod that has been deleted and is still there.
func terminating(f *Facts) *report {
	deleted := f.Pod.DeletionTimestamp
	if deleted == nil {
		return nil
	}
	grace := ptr.Deref(f.Pod.DeletionGracePeriodSeconds, 0)
	running := stillRunning(f)
	over := f.Now.After(deleted.Time)
	r := &report{}
	kubectl := fmt.Sprintf("kubectl -n %s", f.Pod.Namespace)
	switch lost := f.lost(); {
	case lost != "" && len(f.Pod.Finalizers) == 0:
		r.cause = "is terminating: " + lost + ", so nobody says that its containers have ended"
		r.help = append(r.help, "bring the node back, or, if it is off for good, delete it: kubectl delete node "+f.Pod.Spec.NodeName,
			fmt.Sprintf("if the containers certainly do not run any more: %s delete pod %s --force --grace-period=0", kubectl, f.Pod.Name))
	case len(running) > 0 && !over:
		r.cause = fmt.Sprintf("is terminating: %s still running within the grace period of %ds, which ends %s", strings.Join(running, ", "), grace, f.in(deleted.Time))
		r.help = append(r.help, "wait: what runs when it ends is killed", "have the program end on SIGTERM, so that nobody waits next time")
		if hooks := preStop(f); hooks != "" {
			r.help = append(r.help, "the preStop hook of "+hooks+" takes part of the grace period")
		}
	case len(running) > 0:
		r.cause = fmt.Sprintf("is terminating: %s still running, though the grace period of %ds ended %s", strings.Join(running, ", "), grace, f.ago(*deleted))
		r.help = append(r.help, "look at the node's kubelet and runtime; a process that waits for a dead disk or network share cannot be killed")
	case len(f.Pod.Finalizers) > 0:
		r.cause = "is terminating: " + plural(len(f.Pod.Finalizers), "finalizer") + " keeps it: " + strings.Join(f.Pod.Finalizers, ", ")
		if len(f.Pod.Finalizers) > 1 {
			r.cause = "is terminating: finalizers keep it: " + strings.Join(f.Pod.Finalizers, ", ")
		}
		r.help = append(r.help, finalizerHelp(f)...)
	default:
		r.cause = "is terminating: its containers have ended, and the kubelet cleans up"
		r.help = append(r.help, "wait; if it lasts, look at the events for volumes that cannot be unmounted")
	}
	requested := deleted.Add(-time.Duration(grace) * time.Second)
	lines := []string{fmt.Sprintf("requested %s ago, grace period %ds", duration.HumanDuration(f.Now.Sub(requested)), grace)}
	if c := f.condition(corev1.DisruptionTarget); c != nil && c.Status == corev1.ConditionTrue {
		lines = append(lines, "by "+c.Reason+": "+oneLine(c.Message))
	}
	if len(f.Pod.Finalizers) > 0 {
		lines = append(lines, "finalizers: "+strings.Join(f.Pod.Finalizers, ", "))
	}
	r.add("Deletion", lines...)
	r.add("Volumes", claimsHeld(f)...)
	return r
}

func finalizerHelp(f *Facts) []string {
	first := f.Pod.Finalizers[0]
	who := "the controller that has set " + first
	switch first {
	case "batch.kubernetes.io/job-tracking":
		who = "the job controller, which counts the pod first"
	case "foregroundDeletion":
		who = "the garbage collector, which deletes what the pod owns first"
	}
	return []string{
		"wait for " + who + ", or see why it does not work",
		fmt.Sprintf("if nobody is left to do so: kubectl -n %s patch pod %s --type=merge -p '{\"metadata\":{\"finalizers\":null}}'", f.Pod.Namespace, f.Pod.Name),
	}
}

func stillRunning(f *Facts) []string {
	var names []string
	for _, c := range containers(&f.Pod) {
		if c.status.State.Running != nil {
			names = append(names, c.kind())
		}
	}
	return names
}

func preStop(f *Facts) string {
	var names []string
	for i := range f.Pod.Spec.Containers {
		if c := &f.Pod.Spec.Containers[i]; c.Lifecycle != nil && c.Lifecycle.PreStop != nil {
			names = append(names, c.Name)
		}
	}
	return strings.Join(names, ", ")
}

// claimsHeld are the claims that are being deleted and wait for this pod.
func claimsHeld(f *Facts) []string {
	var lines []string
	for i := range f.Claims {
		if claim := &f.Claims[i]; claim.DeletionTimestamp != nil {
			lines = append(lines, "claim "+claim.Name+" is being deleted too, and waits for this pod to end")
		}
	}
	return lines
}

// finished is a pod that has ended for good.
func finished(f *Facts) *report {
	status := &f.Pod.Status
	switch {
	case status.Phase == corev1.PodSucceeded:
		return &report{cause: "has completed: all its containers ended with exit code 0"}
	case status.Phase != corev1.PodFailed:
		return nil
	}
	disrupted := f.condition(corev1.DisruptionTarget)
	if status.Reason == "" && disrupted != nil && disrupted.Status == corev1.ConditionTrue {
		r := &report{cause: "was disrupted: " + disrupted.Reason + ": " + oneLine(disrupted.Message)}
		return replaced(f, r)
	}
	if status.Reason == "" {
		for _, c := range containers(&f.Pod) {
			if ended := c.ended(); ended != nil && ended.ExitCode != 0 {
				return replaced(f, crash(f, c))
			}
		}
	}
	r := &report{cause: "has failed: " + cmp.Or(status.Reason, "for no known reason")}
	if status.Message != "" {
		r.cause += ": " + oneLine(status.Message)
	}
	low := strings.ToLower(status.Message)
	switch {
	case status.Reason == "Evicted":
		r.cause = "was evicted from " + f.Pod.Spec.NodeName + ": " + oneLine(status.Message)
		r.help = append(r.help, evictedHelp(low))
	case status.Reason == "DeadlineExceeded":
		r.help = append(r.help, "raise activeDeadlineSeconds, or have it end sooner")
	case strings.HasPrefix(status.Reason, "OutOf"), status.Reason == "NodeAffinity", status.Reason == "UnexpectedAdmissionError":
		r.help = append(r.help, "the node refused it when it came: delete it, so that another is scheduled")
	}
	return replaced(f, r)
}

func evictedHelp(message string) string {
	switch {
	case strings.Contains(message, "emptydir"):
		return "raise the volume's sizeLimit, or write less to it"
	case strings.Contains(message, "ephemeral-storage"), strings.Contains(message, "local ephemeral storage"):
		return "request as much ephemeral-storage as it uses, or free disk space of the node"
	case strings.Contains(message, "memory"):
		return "request as much memory as it uses, so that others are evicted first, or add memory"
	}
	return "relieve the node: kubectl describe node says what it is short of"
}

// replaced says who makes another pod.
func replaced(f *Facts, r *report) *report {
	if f.Owner == nil {
		r.help = append(r.help, "create it again: nobody owns it, so nobody replaces it")
	} else if !f.Owner.Gone && f.Owner.Kind != "Job" {
		r.help = append(r.help, fmt.Sprintf("nothing: %s has replaced it; delete it when you have seen enough: kubectl -n %s delete pod %s", f.Owner, f.Pod.Namespace, f.Pod.Name))
	}
	return r
}
