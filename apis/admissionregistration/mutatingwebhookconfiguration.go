package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/admissionregistration/matching"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func mutatingWebhookConfigurations() *resource.Resource {
	return resource.WithGeneration(&resource.Resource{
		Group:      admissionregistrationv1.GroupName,
		Name:       "mutatingwebhookconfigurations",
		Singular:   "mutatingwebhookconfiguration",
		Kind:       "MutatingWebhookConfiguration",
		Categories: []string{"api-extensions"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[admissionregistrationv1.MutatingWebhookConfiguration],
			NewList: resource.NewList[admissionregistrationv1.MutatingWebhookConfigurationList],
			Default: resource.Defaulter(defaultMutatingWebhookConfiguration),
		}},
		Columns:        webhookColumns(),
		Cells:          resource.Row(mutatingWebhookCells),
		Validate:       resource.Check(validateMutatingWebhookConfiguration),
		AnyFinalizers:  true,
		ValidateUpdate: resource.CheckUpdate(validateMutatingWebhookConfigurationUpdate),
		StoragePrefix:  "mutatingwebhookconfigurations",
		Governs:        true,
	}, func(m *admissionregistrationv1.MutatingWebhookConfiguration) any { return m.Webhooks })
}

func defaultMutatingWebhookConfiguration(c *admissionregistrationv1.MutatingWebhookConfiguration) {
	for i := range c.Webhooks {
		hook := &c.Webhooks[i]
		resource.SetPtr(&hook.FailurePolicy, admissionregistrationv1.Fail)
		resource.SetPtr(&hook.MatchPolicy, admissionregistrationv1.Equivalent)
		resource.SetPtr(&hook.NamespaceSelector, metav1.LabelSelector{})
		resource.SetPtr(&hook.ObjectSelector, metav1.LabelSelector{})
		resource.SetPtr(&hook.TimeoutSeconds, defaultTimeoutSeconds)
		resource.SetPtr(&hook.ReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy)
		defaultClientConfig(&hook.ClientConfig)
		matching.DefaultRules(hook.Rules)
	}
}
