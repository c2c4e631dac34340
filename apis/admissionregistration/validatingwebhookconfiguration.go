package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

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
		}},
		StoragePrefix: "validatingwebhookconfigurations",
	}, func(v *admissionregistrationv1.ValidatingWebhookConfiguration) any { return v.Webhooks })
}
