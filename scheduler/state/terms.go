package state

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
)

// term is one term of affinity of a pod; equal terms have equal keys.
type term struct {
	fwk.AffinityTerm
	kind   Kind
	weight int32
	key    string
}

func (p *PodInfo) collect() {
	plain := func(kind Kind, list []fwk.AffinityTerm) {
		for i := range list {
			p.terms = append(p.terms, term{AffinityTerm: list[i], kind: kind, key: termKey(&list[i])})
		}
	}
	weighted := func(kind Kind, list []fwk.WeightedAffinityTerm) {
		for i := range list {
			t := &list[i]
			p.terms = append(p.terms, term{AffinityTerm: t.AffinityTerm, kind: kind, weight: t.Weight, key: fmt.Sprint(t.Weight, " ", termKey(&t.AffinityTerm))})
		}
	}
	plain(Required, p.requiredAffinity)
	plain(RequiredAnti, p.requiredAntiAffinity)
	weighted(Preferred, p.preferred)
	weighted(PreferredAnti, p.preferredAnti)
}

// termKey is the same for terms that mean the same.
func termKey(t *fwk.AffinityTerm) string {
	return strings.Join([]string{t.TopologyKey, strings.Join(sets.List(t.Namespaces), ","), SelectorKey(t.NamespaceSelector), SelectorKey(t.Selector)}, ";")
}

// narrowed returns terms with their matchLabelKeys and mismatchLabelKeys made part of their selectors, as the API
// server does for pods that it creates.
func narrowed(pod *corev1.Pod, terms []corev1.PodAffinityTerm) []corev1.PodAffinityTerm {
	if !slices.ContainsFunc(terms, func(t corev1.PodAffinityTerm) bool { return len(t.MatchLabelKeys)+len(t.MismatchLabelKeys) > 0 }) {
		return terms
	}
	all := slices.Clone(terms)
	for i := range all {
		all[i].LabelSelector = withKeys(pod, &all[i])
	}
	return all
}

func narrowedWeighted(pod *corev1.Pod, terms []corev1.WeightedPodAffinityTerm) []corev1.WeightedPodAffinityTerm {
	all := slices.Clone(terms)
	for i := range all {
		if t := &all[i].PodAffinityTerm; len(t.MatchLabelKeys)+len(t.MismatchLabelKeys) > 0 {
			t.LabelSelector = withKeys(pod, t)
		}
	}
	return all
}

func withKeys(pod *corev1.Pod, t *corev1.PodAffinityTerm) *metav1.LabelSelector {
	if t.LabelSelector == nil {
		return nil
	}
	selector := t.LabelSelector.DeepCopy()
	require := func(keys []string, operator metav1.LabelSelectorOperator) {
		for _, key := range keys {
			value, ok := pod.Labels[key]
			requirement := metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: []string{value}}
			same := func(r metav1.LabelSelectorRequirement) bool {
				return r.Key == key && r.Operator == operator && slices.Equal(r.Values, requirement.Values)
			}
			if ok && !slices.ContainsFunc(selector.MatchExpressions, same) {
				selector.MatchExpressions = append(selector.MatchExpressions, requirement)
			}
		}
	}
	require(t.MatchLabelKeys, metav1.LabelSelectorOpIn)
	require(t.MismatchLabelKeys, metav1.LabelSelectorOpNotIn)
	return selector
}

// SelectorKey is the same for selectors that mean the same. One that selects everything and one that selects nothing
// print alike otherwise.
func SelectorKey(selector labels.Selector) string {
	if selector.Empty() {
		return "*"
	}
	return selector.String()
}
