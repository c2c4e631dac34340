package why

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/scheduler"
)

// pending is a pod without a node.
func pending(f *Facts) *report {
	if f.Pod.Spec.NodeName != "" {
		return nil
	}
	r := &report{}
	switch e := f.Scheduler; {
	case len(f.Pod.Spec.SchedulingGates) > 0:
		gated(f, r)
	case e == nil:
		unexplained(f, r)
	case !e.Served:
		r.cause = fmt.Sprintf("is pending: it asks for the scheduler %q, and no such one runs in this server", f.Pod.Spec.SchedulerName)
		r.help = append(r.help, "start that scheduler, or create the pod again with a spec.schedulerName that is served: "+strings.Join(e.Profiles, ", "))
		said(f, r)
	case e.Gate == "DynamicResources":
		r.cause = "is pending: the ResourceClaims of its templates are not made yet: " + strings.Join(unmade(f), ", ")
		r.help = append(r.help, "create the ResourceClaimTemplates that are missing; the claims are made by the controller resourceclaim")
	case e.Gate != "":
		r.cause = "is pending: the plugin " + e.Gate + " holds it back from the queue"
	case len(e.Permission) > 0:
		r.cause = "is pending: a node was found, and it waits for the permission of " + strings.Join(e.Permission, ", ")
	case e.Placed:
		r.cause = "is pending: a node was found, and it is being bound" + unboundOf(f)
	default:
		explained(f, r)
	}
	return r.add("Scheduler", queueLines(f)...)
}

// unmade are the entries of the pod whose claims are not there.
func unmade(f *Facts) []string {
	var names []string
	for _, claim := range f.Pod.Spec.ResourceClaims {
		known := func(s corev1.PodResourceClaimStatus) bool { return s.Name == claim.Name }
		if claim.ResourceClaimTemplateName != nil && !slices.ContainsFunc(f.Pod.Status.ResourceClaimStatuses, known) {
			names = append(names, fmt.Sprintf("%s (template %s)", claim.Name, *claim.ResourceClaimTemplateName))
		}
	}
	return names
}

func gated(f *Facts, r *report) {
	var names []string
	for _, gate := range f.Pod.Spec.SchedulingGates {
		names = append(names, gate.Name)
	}
	r.cause = "is pending: it is held back by " + plural(len(names), "scheduling gate") + ": " + strings.Join(names, ", ")
	r.help = append(r.help, "whoever set a gate takes it away when the pod may go: look for the controller that knows "+names[0],
		fmt.Sprintf("by hand: kubectl -n %s patch pod %s --type=json -p '[{\"op\":\"remove\",\"path\":\"/spec/schedulingGates\"}]'", f.Pod.Namespace, f.Pod.Name))
}

// unexplained is all that can be said where the scheduler cannot be asked.
func unexplained(f *Facts, r *report) {
	r.cause = "is pending, and no scheduler has said anything of it yet"
	if c := f.condition(corev1.PodScheduled); c != nil && c.Message != "" {
		r.cause = "is pending: " + c.Message
	}
	r.add("The scheduler could not be asked", f.SchedulerError)
	volumes(f, r)
}

// said repeats the scheduler's own words.
func said(f *Facts, r *report) {
	if c := f.condition(corev1.PodScheduled); c != nil && c.Message != "" {
		r.add("Last message", fmt.Sprintf("%s (%s)", oneLine(c.Message), f.ago(c.LastTransitionTime)))
	}
}

// explained is a pod that waits for a node in the queue.
func explained(f *Facts, r *report) {
	e := f.Scheduler
	fits := fitting(e)
	switch {
	case len(f.MissingClaims) > 0:
		r.cause = "is pending: its claims do not exist: " + strings.Join(f.MissingClaims, ", ")
	case e.All != nil && e.All.Failed:
		r.cause = "is pending: the scheduler meets an error: " + strings.Join(e.All.Reasons, ", ")
	case e.All != nil:
		r.cause = "is pending: " + strings.Join(e.All.Reasons, ", ")
		if slices.Contains(e.All.Reasons, unboundReason) {
			r.cause += unboundFor(f)
		}
	case len(e.Nodes) == 0:
		r.cause = "is pending: the cluster has no nodes"
		r.help = append(r.help, "add a node: `coxswain token create --print-join-command` on the server prints the command that joins a machine")
	case e.Evicting && !slices.Contains(fits, e.Nominated):
		r.cause = "is pending: pods of a lower priority are being evicted from " + e.Nominated + " to make room for it"
		r.help = append(r.help, "wait until they have ended: kubectl get pods -A --field-selector spec.nodeName="+e.Nominated)
	case len(fits) > 0:
		r.cause = "is pending, though " + plural(len(fits), "node") + " would take it now: " + list(fits)
	default:
		r.cause = "is pending: " + summary(e)
	}
	volumes(f, r)
	r.help = append(r.help, advice(f)...)
	r.add(fmt.Sprintf("Nodes (%d)", len(e.Nodes)), nodeLines(e)...)
	if c := f.condition(corev1.PodScheduled); c != nil {
		if _, preemption, found := strings.Cut(c.Message, " preemption: "); found && len(fits) == 0 {
			r.add("Preemption", oneLine(preemption))
		}
	}
	if len(fits) > 0 {
		said(f, r)
	}
}

func fitting(e *scheduler.Explanation) []string {
	var names []string
	for _, node := range e.Nodes {
		if len(node.Refusals) == 0 {
			names = append(names, node.Name)
		}
	}
	return names
}

// summary names what all nodes have in common, or counts the reasons.
func summary(e *scheduler.Explanation) string {
	counts := map[string]int{}
	for _, node := range e.Nodes {
		for _, reason := range reasonsOf(node) {
			counts[reason]++
		}
	}
	reasons := make([]string, 0, len(counts))
	for reason := range counts {
		reasons = append(reasons, reason)
	}
	slices.SortFunc(reasons, func(a, b string) int { return cmp.Or(counts[b]-counts[a], strings.Compare(a, b)) })
	var all, some []string
	for _, reason := range reasons {
		if counts[reason] == len(e.Nodes) {
			all = append(all, reason)
		} else {
			some = append(some, fmt.Sprintf("%d %s", counts[reason], reason))
		}
	}
	switch {
	case len(e.Nodes) == 1:
		return e.Nodes[0].Name + ", the only node: " + strings.Join(all, ", ")
	case len(all) > 0:
		return fmt.Sprintf("all %d nodes: %s", len(e.Nodes), strings.Join(all, ", "))
	}
	return fmt.Sprintf("none of %d nodes takes it: %s", len(e.Nodes), strings.Join(some, ", "))
}

func reasonsOf(node scheduler.NodeOpinion) []string {
	var all []string
	for _, refusal := range node.Refusals {
		all = append(all, refusal.Reasons...)
	}
	return slices.Compact(slices.Sorted(slices.Values(all)))
}

// queueLines say where the pod is in the queue.
func queueLines(f *Facts) []string {
	e := f.Scheduler
	if e == nil || !e.Served {
		return nil
	}
	tried := "profile " + f.Pod.Spec.SchedulerName + ", not tried yet"
	if e.Attempts > 0 {
		tried = fmt.Sprintf("profile %s, tried %s", f.Pod.Spec.SchedulerName, strings.Replace(plural(e.Attempts, "time"), "1 time", "once", 1))
		if e.Since != nil && e.Where != "in flight" {
			tried += ", the last ended " + f.ago(*e.Since)
		}
	}
	lines := []string{tried}
	switch e.Where {
	case "active":
		lines = append(lines, "it is in the queue and is tried next, in the order of priority")
	case "backing off":
		lines = append(lines, "it is tried again when its back-off ends, "+f.in(e.Until.Time)+", or before if no other pod is to be tried")
	case "waiting":
		lines = append(lines, "it is tried again when something changes that may help: "+wakes(e.Refused))
	case "in flight":
		lines = append(lines, "it is being tried or bound now")
	}
	if e.Nominated != "" {
		lines = append(lines, "room is kept for it on "+e.Nominated)
	}
	return lines
}
