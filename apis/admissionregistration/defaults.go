package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

const (
	defaultTimeoutSeconds int32 = 10
	// The port of a service that names none.
	httpsPort int32 = 443
)

func defaultClientConfig(c *admissionregistrationv1.WebhookClientConfig) {
	if c.Service != nil {
		resource.SetPtr(&c.Service.Port, httpsPort)
	}
}
