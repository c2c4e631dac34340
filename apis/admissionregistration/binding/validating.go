package binding

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/coxswain-k8s/coxswain/apis/admissionregistration/matching"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Validating is the row of ValidatingAdmissionPolicyBindings.
func Validating() *resource.Resource {
	return resource.WithGeneration(&resource.Resource{
		Group:      admissionregistrationv1.GroupName,
		Name:       "validatingadmissionpolicybindings",
		Singular:   "validatingadmissionpolicybinding",
		Kind:       "ValidatingAdmissionPolicyBinding",
		Categories: []string{"api-extensions"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[admissionregistrationv1.ValidatingAdmissionPolicyBinding],
			NewList: resource.NewList[admissionregistrationv1.ValidatingAdmissionPolicyBindingList],
			Default: resource.Defaulter(defaultValidatingAdmissionPolicyBinding),
		}},
		Columns:        columns(),
		Cells:          resource.Row(validatingCells),
		Validate:       resource.Check(validateValidatingAdmissionPolicyBinding),
		AnyFinalizers:  true,
		ValidateUpdate: resource.CheckUpdate(validateValidatingAdmissionPolicyBindingUpdate),
		StoragePrefix:  "validatingadmissionpolicybindings",
		Governs:        true,
	}, func(v *admissionregistrationv1.ValidatingAdmissionPolicyBinding) any { return &v.Spec })
}

func defaultValidatingAdmissionPolicyBinding(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) {
	matching.DefaultMatchResources(b.Spec.MatchResources)
}
