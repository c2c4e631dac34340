package binding

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/coxswain-k8s/coxswain/apis/admissionregistration/matching"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Mutating is the row of MutatingAdmissionPolicyBindings.
func Mutating() *resource.Resource {
	return resource.WithGeneration(&resource.Resource{
		Group:      admissionregistrationv1.GroupName,
		Name:       "mutatingadmissionpolicybindings",
		Singular:   "mutatingadmissionpolicybinding",
		Kind:       "MutatingAdmissionPolicyBinding",
		Categories: []string{"api-extensions"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[admissionregistrationv1.MutatingAdmissionPolicyBinding],
			NewList: resource.NewList[admissionregistrationv1.MutatingAdmissionPolicyBindingList],
			Default: resource.Defaulter(defaultMutatingAdmissionPolicyBinding),
		}},
		Columns:          columns(),
		Cells:            resource.Row(mutatingCells),
		Validate:         resource.Check(validateMutatingAdmissionPolicyBinding),
		AnyFinalizers:    true,
		ValidateUpdate:   resource.CheckUpdate(validateMutatingAdmissionPolicyBindingUpdate),
		StoragePrefix:    "mutatingadmissionpolicybindings",
		Governs:          true,
		StoredAPIVersion: "admissionregistration.k8s.io/v1beta1",
	}, func(m *admissionregistrationv1.MutatingAdmissionPolicyBinding) any { return &m.Spec })
}

func defaultMutatingAdmissionPolicyBinding(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) {
	matching.DefaultMatchResources(b.Spec.MatchResources)
}
