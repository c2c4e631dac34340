// Package admissionregistration describes the resources of its API group: one file per resource, listed by Resources.
// The bindings of policies are in package binding, and what webhooks and policies share in package matching.
// It reads and writes nothing; see package resource for what a row means.
package admissionregistration

import (
	"github.com/coxswain-k8s/coxswain/apis/admissionregistration/binding"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Resources lists the rows of the group.
func Resources() []*resource.Resource {
	return resource.Describe([]*resource.Resource{
		mutatingAdmissionPolicies(),
		binding.Mutating(),
		mutatingWebhookConfigurations(),
		validatingAdmissionPolicies(),
		binding.Validating(),
		validatingWebhookConfigurations(),
	}, descriptions())
}
