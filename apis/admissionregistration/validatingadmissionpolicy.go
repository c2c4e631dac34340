package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/coxswain-k8s/coxswain/apis/admissionregistration/matching"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func validatingAdmissionPolicies() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      admissionregistrationv1.GroupName,
		Name:       "validatingadmissionpolicies",
		Singular:   "validatingadmissionpolicy",
		Kind:       "ValidatingAdmissionPolicy",
		Categories: []string{"api-extensions"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[admissionregistrationv1.ValidatingAdmissionPolicy],
			NewList: resource.NewList[admissionregistrationv1.ValidatingAdmissionPolicyList],
			Default: resource.Defaulter(defaultValidatingAdmissionPolicy),
		}},
		Columns:        resource.Columns("Name:name", "Validations:integer", "ParamKind", "Age"),
		Cells:          resource.Row(validatingPolicyCells),
		Validate:       resource.Check(validateValidatingAdmissionPolicy),
		AnyFinalizers:  true,
		ValidateUpdate: resource.CheckUpdate(validateValidatingAdmissionPolicyUpdate),
		StoragePrefix:  "validatingadmissionpolicies",
		Governs:        true,
	}, func(v *admissionregistrationv1.ValidatingAdmissionPolicy) (*admissionregistrationv1.ValidatingAdmissionPolicySpec, *admissionregistrationv1.ValidatingAdmissionPolicyStatus) {
		return &v.Spec, &v.Status
	}, resource.KeepMeta(resource.AllMeta), resource.CheckStatus(validateValidatingAdmissionPolicyStatus))
}

func defaultValidatingAdmissionPolicy(p *admissionregistrationv1.ValidatingAdmissionPolicy) {
	resource.SetPtr(&p.Spec.FailurePolicy, admissionregistrationv1.Fail)
	matching.DefaultMatchResources(p.Spec.MatchConstraints)
}
