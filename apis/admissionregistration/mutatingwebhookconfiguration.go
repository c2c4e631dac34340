package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

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
		}},
		StoragePrefix: "mutatingwebhookconfigurations",
	}, func(m *admissionregistrationv1.MutatingWebhookConfiguration) any { return m.Webhooks })
}
