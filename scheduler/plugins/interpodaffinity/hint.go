package interpodaffinity

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/klog/v2"
	fwk "k8s.io/kube-scheduler/framework"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// podMayHelp says whether another pod that came, went or changed its labels may let the waiting one fit: one that it
// wants to be near is there, or one that kept it away is not.
func podMayHelp(_ klog.Logger, waiting *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	info := state.NewPodInfo(waiting)
	if now, ok := changed.(*corev1.Pod); ok && now != nil && (now.UID == waiting.UID || matchesAny(info.GetRequiredAffinityTerms(), now)) {
		return fwk.Queue, nil
	}
	before, ok := old.(*corev1.Pod)
	if !ok || before == nil {
		return fwk.QueueSkip, nil
	}
	gone := state.NewPodInfo(before)
	if matchesAny(info.GetRequiredAntiAffinityTerms(), before) || matchesAny(gone.GetRequiredAntiAffinityTerms(), waiting) || matchesAny(info.GetRequiredAffinityTerms(), before) {
		return fwk.Queue, nil
	}
	return fwk.QueueSkip, nil
}

// namespaceMayHelp says whether a term selects the namespace that it did not select before, or the reverse. Terms of
// other pods may no longer select the namespace of the pod itself.
func namespaceMayHelp(_ klog.Logger, waiting *corev1.Pod, old, changed any) (fwk.QueueingHint, error) {
	now, ok := changed.(*corev1.Namespace)
	if !ok || now == nil {
		return fwk.QueueSkip, nil
	}
	before, _ := old.(*corev1.Namespace)
	if before != nil && maps.Equal(before.Labels, now.Labels) {
		return fwk.QueueSkip, nil
	}
	if now.Name == waiting.Namespace {
		return fwk.Queue, nil
	}
	info := state.NewPodInfo(waiting)
	for _, term := range slices.Concat(info.GetRequiredAffinityTerms(), info.GetRequiredAntiAffinityTerms()) {
		did := before != nil && term.NamespaceSelector.Matches(labels.Set(before.Labels))
		if does := term.NamespaceSelector.Matches(labels.Set(now.Labels)); does != did {
			return fwk.Queue, nil
		}
	}
	return fwk.QueueSkip, nil
}

// matchesAny takes a namespace selector for one that matches, for whoever asks wants to miss nothing.
func matchesAny(terms []fwk.AffinityTerm, pod *corev1.Pod) bool {
	for i := range terms {
		term := &terms[i]
		if (term.Namespaces.Has(pod.Namespace) || !matchesNothing(term.NamespaceSelector)) && term.Selector.Matches(labels.Set(pod.Labels)) {
			return true
		}
	}
	return false
}
