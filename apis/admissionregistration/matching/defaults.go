package matching

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// DefaultMatchResources matches everything where nothing is selected.
func DefaultMatchResources(m *admissionregistrationv1.MatchResources) {
	if m == nil {
		return
	}
	resource.SetPtr(&m.MatchPolicy, admissionregistrationv1.Equivalent)
	resource.SetPtr(&m.NamespaceSelector, metav1.LabelSelector{})
	resource.SetPtr(&m.ObjectSelector, metav1.LabelSelector{})
	for i := range m.ResourceRules {
		resource.SetPtr(&m.ResourceRules[i].Scope, admissionregistrationv1.AllScopes)
	}
	for i := range m.ExcludeResourceRules {
		resource.SetPtr(&m.ExcludeResourceRules[i].Scope, admissionregistrationv1.AllScopes)
	}
}

// DefaultRules are about objects wherever they are.
func DefaultRules(rules []admissionregistrationv1.RuleWithOperations) {
	for i := range rules {
		resource.SetPtr(&rules[i].Scope, admissionregistrationv1.AllScopes)
	}
}
