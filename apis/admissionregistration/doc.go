// Package admissionregistration describes the resources of its API group: one file per resource, listed by Resources.
// It reads and writes nothing; see package resource for what a row means.
package admissionregistration

import "github.com/coxswain-k8s/coxswain/apis/resource"

// Resources lists the rows of the group.
func Resources() []*resource.Resource {
	return resource.Describe([]*resource.Resource{
		mutatingAdmissionPolicies(),
		mutatingAdmissionPolicyBindings(),
		mutatingWebhookConfigurations(),
		validatingAdmissionPolicies(),
		validatingAdmissionPolicyBindings(),
		validatingWebhookConfigurations(),
	}, descriptions())
}
