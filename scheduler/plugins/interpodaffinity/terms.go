package interpodaffinity

import (
	"context"
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/sets"
	fwk "k8s.io/kube-scheduler/framework"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/scheduler/state"
)

// namespaces answers what terms ask about namespaces, and keeps the first error.
type namespaces struct {
	ctx    context.Context
	reader client.Reader
	err    error
}

func (n *namespaces) labels(name string) labels.Set {
	var namespace corev1.Namespace
	if err := n.reader.Get(n.ctx, client.ObjectKey{Name: name}, &namespace); err != nil && !apierrors.IsNotFound(err) && n.err == nil {
		n.err = fmt.Errorf("reading namespace %s: %w", name, err)
	}
	return namespace.Labels
}

// resolve returns the terms with the namespaces that their namespace selectors mean now among their namespaces.
func (n *namespaces) resolve(terms []fwk.AffinityTerm) []fwk.AffinityTerm {
	all := make([]fwk.AffinityTerm, len(terms))
	for i, term := range terms {
		if !matchesNothing(term.NamespaceSelector) {
			term.Namespaces = term.Namespaces.Union(n.matching(term.NamespaceSelector))
			term.NamespaceSelector = labels.Nothing()
		}
		all[i] = term
	}
	return all
}

func matchesNothing(selector labels.Selector) bool {
	_, selectable := selector.Requirements()
	return !selectable
}

func (n *namespaces) matching(selector labels.Selector) sets.Set[string] {
	names := sets.New[string]()
	var list corev1.NamespaceList
	if err := n.reader.List(n.ctx, &list, client.MatchingLabelsSelector{Selector: selector}, client.UnsafeDisableDeepCopy); err != nil && n.err == nil {
		n.err = fmt.Errorf("listing namespaces: %w", err)
	}
	for i := range list.Items {
		names.Insert(list.Items[i].Name)
	}
	return names
}

// conjunction is the set of the pods that match all terms.
func (n *namespaces) conjunction(terms []fwk.AffinityTerm) state.PodSet {
	if len(terms) == 0 {
		return state.PodSet{}
	}
	all := n.resolve(terms)
	var keys []string
	for _, term := range all {
		keys = append(keys, setOf(term).Key)
	}
	return state.PodSet{Key: strings.Join(keys, " & "), Namespaces: all[0].Namespaces, Matches: func(pod *corev1.Pod) bool {
		for i := range all {
			if !all[i].Matches(pod, nil) {
				return false
			}
		}
		return true
	}}
}

// setOf is the set of the pods that match a resolved term.
func setOf(term fwk.AffinityTerm) state.PodSet {
	return state.PodSet{
		Key: "pods " + strings.Join(sets.List(term.Namespaces), ",") + ";" + state.SelectorKey(term.Selector), Namespaces: term.Namespaces,
		Matches: func(pod *corev1.Pod) bool { return term.Selector.Matches(labels.Set(pod.Labels)) },
	}
}
