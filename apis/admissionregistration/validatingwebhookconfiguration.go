package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/admissionregistration/matching"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func validatingWebhookConfigurations() *resource.Resource {
	return resource.WithGeneration(&resource.Resource{
		Group:      admissionregistrationv1.GroupName,
		Name:       "validatingwebhookconfigurations",
		Singular:   "validatingwebhookconfiguration",
		Kind:       "ValidatingWebhookConfiguration",
		Categories: []string{"api-extensions"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[admissionregistrationv1.ValidatingWebhookConfiguration],
			NewList: resource.NewList[admissionregistrationv1.ValidatingWebhookConfigurationList],
			Default: resource.Defaulter(defaultValidatingWebhookConfiguration),
		}},
		Columns:        webhookColumns(),
		Cells:          resource.Row(validatingWebhookCells),
		Validate:       resource.Check(validateValidatingWebhookConfiguration),
		AnyFinalizers:  true,
		ValidateUpdate: resource.CheckUpdate(validateValidatingWebhookConfigurationUpdate),
		StoragePrefix:  "validatingwebhookconfigurations",
		Governs:        true,
	}, func(v *admissionregistrationv1.ValidatingWebhookConfiguration) any { return v.Webhooks })
}

func defaultValidatingWebhookConfiguration(c *admissionregistrationv1.ValidatingWebhookConfiguration) {
	for i := range c.Webhooks {
		hook := &c.Webhooks[i]
		resource.SetPtr(&hook.FailurePolicy, admissionregistrationv1.Fail)
		resource.SetPtr(&hook.MatchPolicy, admissionregistrationv1.Equivalent)
		resource.SetPtr(&hook.NamespaceSelector, metav1.LabelSelector{})
		resource.SetPtr(&hook.ObjectSelector, metav1.LabelSelector{})
		resource.SetPtr(&hook.TimeoutSeconds, defaultTimeoutSeconds)
		defaultClientConfig(&hook.ClientConfig)
		matching.DefaultRules(hook.Rules)
	}
}
