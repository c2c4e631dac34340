package resourcequota

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-helpers/resource"
)

// inScope says whether a quota counts a pod.
func inScope(spec *corev1.ResourceQuotaSpec, pod *corev1.Pod) bool {
	for _, scope := range spec.Scopes {
		if !hasScope(scope, pod) {
			return false
		}
	}
	if spec.ScopeSelector == nil {
		return true
	}
	for _, expression := range spec.ScopeSelector.MatchExpressions {
		if !matches(expression, pod) {
			return false
		}
	}
	return true
}

func matches(want corev1.ScopedResourceSelectorRequirement, pod *corev1.Pod) bool {
	if want.ScopeName != corev1.ResourceQuotaScopePriorityClass {
		return hasScope(want.ScopeName, pod)
	}
	class := pod.Spec.PriorityClassName
	switch want.Operator {
	case corev1.ScopeSelectorOpExists:
		return class != ""
	case corev1.ScopeSelectorOpDoesNotExist:
		return class == ""
	case corev1.ScopeSelectorOpIn:
		return slices.Contains(want.Values, class)
	case corev1.ScopeSelectorOpNotIn:
		return !slices.Contains(want.Values, class)
	}
	return false
}

func hasScope(scope corev1.ResourceQuotaScope, pod *corev1.Pod) bool {
	terminating := pod.Spec.ActiveDeadlineSeconds != nil && *pod.Spec.ActiveDeadlineSeconds >= 0
	switch scope {
	case corev1.ResourceQuotaScopeTerminating:
		return terminating
	case corev1.ResourceQuotaScopeNotTerminating:
		return !terminating
	case corev1.ResourceQuotaScopeBestEffort:
		return bestEffort(pod)
	case corev1.ResourceQuotaScopeNotBestEffort:
		return !bestEffort(pod)
	case corev1.ResourceQuotaScopePriorityClass:
		return pod.Spec.PriorityClassName != ""
	case corev1.ResourceQuotaScopeCrossNamespacePodAffinity:
		return crossesNamespaces(pod.Spec.Affinity)
	}
	return false
}

// bestEffort says whether no container asks for processor or memory.
func bestEffort(pod *corev1.Pod) bool {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass == corev1.PodQOSBestEffort
	}
	for _, list := range []corev1.ResourceList{
		resource.PodRequests(pod, resource.PodResourcesOptions{}), resource.PodLimits(pod, resource.PodResourcesOptions{}),
	} {
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			if amount, ok := list[name]; ok && !amount.IsZero() {
				return false
			}
		}
	}
	return true
}

func crossesNamespaces(affinity *corev1.Affinity) bool {
	if affinity == nil {
		return false
	}
	var terms []corev1.PodAffinityTerm
	collect := func(required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
		terms = append(terms, required...)
		for i := range preferred {
			terms = append(terms, preferred[i].PodAffinityTerm)
		}
	}
	if with := affinity.PodAffinity; with != nil {
		collect(with.RequiredDuringSchedulingIgnoredDuringExecution, with.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	if against := affinity.PodAntiAffinity; against != nil {
		collect(against.RequiredDuringSchedulingIgnoredDuringExecution, against.PreferredDuringSchedulingIgnoredDuringExecution)
	}
	return slices.ContainsFunc(terms, func(term corev1.PodAffinityTerm) bool {
		return len(term.Namespaces) > 0 || term.NamespaceSelector != nil
	})
}
