package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

const (
	defaultTimeoutSeconds int32 = 10
	// The port of a service that names none.
	httpsPort int32 = 443
)

// defaultMatchResources matches everything where nothing is selected.
func defaultMatchResources(m *admissionregistrationv1.MatchResources) {
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

func defaultRules(rules []admissionregistrationv1.RuleWithOperations) {
	for i := range rules {
		resource.SetPtr(&rules[i].Scope, admissionregistrationv1.AllScopes)
	}
}

func defaultClientConfig(c *admissionregistrationv1.WebhookClientConfig) {
	if c.Service != nil {
		resource.SetPtr(&c.Service.Port, httpsPort)
	}
}
