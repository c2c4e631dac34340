package admissionregistration

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"

	"github.com/coxswain-k8s/coxswain/apis/admissionregistration/matching"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func mutatingAdmissionPolicies() *resource.Resource {
	return resource.WithGeneration(&resource.Resource{
		Group:      admissionregistrationv1.GroupName,
		Name:       "mutatingadmissionpolicies",
		Singular:   "mutatingadmissionpolicy",
		Kind:       "MutatingAdmissionPolicy",
		Categories: []string{"api-extensions"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[admissionregistrationv1.MutatingAdmissionPolicy],
			NewList: resource.NewList[admissionregistrationv1.MutatingAdmissionPolicyList],
			Default: resource.Defaulter(defaultMutatingAdmissionPolicy),
		}},
		Columns:          resource.Columns("Name:name", "Mutations:integer", "ParamKind", "Age"),
		Cells:            resource.Row(mutatingPolicyCells),
		Validate:         resource.Check(validateMutatingAdmissionPolicy),
		AnyFinalizers:    true,
		ValidateUpdate:   resource.CheckUpdate(validateMutatingAdmissionPolicyUpdate),
		StoragePrefix:    "mutatingadmissionpolicies",
		Governs:          true,
		StoredAPIVersion: "admissionregistration.k8s.io/v1beta1",
	}, func(m *admissionregistrationv1.MutatingAdmissionPolicy) any { return &m.Spec })
}

func defaultMutatingAdmissionPolicy(p *admissionregistrationv1.MutatingAdmissionPolicy) {
	resource.SetPtr(&p.Spec.FailurePolicy, admissionregistrationv1.Fail)
	matching.DefaultMatchResources(p.Spec.MatchConstraints)
}
