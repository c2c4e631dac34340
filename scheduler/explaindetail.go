package scheduler

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	helpers "k8s.io/component-helpers/scheduling/corev1"

	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodeaffinity"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodedeclaredfeatures"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/nodeports"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/noderesources"
	"github.com/coxswain-k8s/coxswain/scheduler/plugins/tainttoleration"
	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// detailed is a refusal with what the messages, which are upstream's, do not say: how much, which taint, which label.
func detailed(info *state.PodInfo, node fwk.NodeInfo, status *fwk.Status) Refusal {
	r := refusal(status)
	r.Details = make([]string, len(r.Reasons))
	for i, reason := range r.Reasons {
		switch r.Plugin {
		case noderesources.FitName:
			r.Details[i] = shortfall(reason, info, node)
			r.Gap = max(r.Gap, gap(reason, info, node))
		case tainttoleration.Name:
			r.Details[i] = untolerated(info.GetPod(), node.Node())
		case nodeaffinity.Name:
			r.Details[i] = mismatch(info.GetPod(), node.Node())
		case nodeports.Name:
			r.Details[i] = takenPorts(info.GetPod(), node)
		case nodedeclaredfeatures.Name:
			r.Details[i] = undeclared(info.GetPod(), node.Node())
		}
	}
	if !slices.ContainsFunc(r.Details, func(d string) bool { return d != "" }) {
		r.Details = nil
	}
	return r
}

// shortfall says how much the pod needs and how much is free.
func shortfall(reason string, info *state.PodInfo, node fwk.NodeInfo) string {
	if reason == "Too many pods" {
		return fmt.Sprintf("%d of %d", len(node.GetPods()), node.GetAllocatable().GetAllowedPodNumber())
	}
	name, ok := strings.CutPrefix(reason, "Insufficient ")
	if !ok {
		return ""
	}
	kind := corev1.ResourceName(name)
	need, free := amount(info.Requests(), kind), amount(node.GetAllocatable(), kind)-amount(node.GetRequested(), kind)
	return fmt.Sprintf("need %s, free %s of %s", quantity(kind, need), quantity(kind, max(free, 0)), quantity(kind, amount(node.GetAllocatable(), kind)))
}

// gap is the share of the need that is not free.
func gap(reason string, info *state.PodInfo, node fwk.NodeInfo) float64 {
	name, ok := strings.CutPrefix(reason, "Insufficient ")
	if !ok {
		return 1
	}
	kind := corev1.ResourceName(name)
	free := max(amount(node.GetAllocatable(), kind)-amount(node.GetRequested(), kind), 0)
	return 1 - float64(free)/float64(max(amount(info.Requests(), kind), 1))
}

func amount(of fwk.Resource, kind corev1.ResourceName) int64 {
	switch kind {
	case corev1.ResourceCPU:
		return of.GetMilliCPU()
	case corev1.ResourceMemory:
		return of.GetMemory()
	case corev1.ResourceEphemeralStorage:
		return of.GetEphemeralStorage()
	}
	return of.GetScalarResources()[kind]
}

// quantity as people read it: CPUs with at most three digits, bytes in the largest unit that leaves a whole number or one digit.
func quantity(kind corev1.ResourceName, amount int64) string {
	switch kind {
	case corev1.ResourceCPU:
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", float64(amount)/1000), "0"), ".")
	case corev1.ResourceMemory, corev1.ResourceEphemeralStorage:
		for _, unit := range []struct {
			name string
			size int64
		}{{"Ti", 1 << 40}, {"Gi", 1 << 30}, {"Mi", 1 << 20}, {"Ki", 1 << 10}} {
			if amount >= unit.size {
				return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(amount)/float64(unit.size)), ".0") + unit.name
			}
		}
	}
	return resource.NewQuantity(amount, resource.DecimalSI).String()
}

func untolerated(pod *corev1.Pod, node *corev1.Node) string {
	var all []string
	for i := range node.Spec.Taints {
		taint := &node.Spec.Taints[i]
		if taint.Effect != corev1.TaintEffectPreferNoSchedule && !helpers.TolerationsTolerateTaint(klog.Background(), pod.Spec.Tolerations, taint, false) {
			all = append(all, taint.ToString())
		}
	}
	return strings.Join(all, ", ")
}

// undeclared are the features that the pod needs and the node does not declare.
func undeclared(pod *corev1.Pod, node *corev1.Node) string {
	needed, err := nodedeclaredfeatures.Of(pod)
	if err != nil {
		return ""
	}
	lacks := slices.DeleteFunc(needed, func(name string) bool { return slices.Contains(node.Status.DeclaredFeatures, name) })
	return "does not declare " + strings.Join(lacks, ", ")
}

// mismatch says which labels of the pod's node selector the node has not, or which requirements the node could be asked for.
func mismatch(pod *corev1.Pod, node *corev1.Node) string {
	var all []string
	for _, key := range sets.List(sets.KeySet(pod.Spec.NodeSelector)) {
		want := pod.Spec.NodeSelector[key]
		if has, ok := node.Labels[key]; !ok {
			all = append(all, fmt.Sprintf("want %s=%s, not set", key, want))
		} else if has != want {
			all = append(all, fmt.Sprintf("want %s=%s, is %s", key, want, has))
		}
	}
	if len(all) == 0 && pod.Spec.Affinity != nil && pod.Spec.Affinity.NodeAffinity != nil {
		if required := pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution; required != nil {
			return "want " + terms(required.NodeSelectorTerms)
		}
	}
	return strings.Join(all, ", ")
}

func terms(all []corev1.NodeSelectorTerm) string {
	var either []string
	for _, term := range all {
		var both []string
		for _, r := range append(slices.Clone(term.MatchExpressions), term.MatchFields...) {
			text := r.Key + " " + string(r.Operator)
			if len(r.Values) > 0 {
				text += " (" + strings.Join(r.Values, ", ") + ")"
			}
			both = append(both, text)
		}
		either = append(either, strings.Join(both, " and "))
	}
	return strings.Join(either, ", or ")
}

func takenPorts(pod *corev1.Pod, node fwk.NodeInfo) string {
	var all []string
	for _, port := range state.HostPorts(pod) {
		for _, other := range node.GetPods() {
			for _, taken := range state.HostPorts(other.GetPod()) {
				if taken.HostPort == port.HostPort && taken.Protocol == port.Protocol {
					all = append(all, fmt.Sprintf("%d is %s/%s's", port.HostPort, other.GetPod().Namespace, other.GetPod().Name))
				}
			}
		}
	}
	return strings.Join(all, ", ")
}
