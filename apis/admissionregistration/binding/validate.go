package binding

import (
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/admissionregistration/matching"
	"github.com/coxswain-k8s/coxswain/apis/check"
)

func validateValidatingAdmissionPolicyBinding(b *admissionregistrationv1.ValidatingAdmissionPolicyBinding) field.ErrorList {
	path := field.NewPath("spec")
	errs := check.RequiredSubdomain(path.Child("policyName"), b.Spec.PolicyName)
	errs = append(errs, validateParamRef(b.Spec.ParamRef, path.Child("paramRef"))...)
	if b.Spec.MatchResources != nil {
		errs = append(errs, matching.ValidateMatch(b.Spec.MatchResources, path.Child("matchResources"))...)
	}
	return append(errs, validateActions(b.Spec.ValidationActions, path.Child("validationActions"))...)
}

func validateValidatingAdmissionPolicyBindingUpdate(b, _ *admissionregistrationv1.ValidatingAdmissionPolicyBinding) field.ErrorList {
	return validateValidatingAdmissionPolicyBinding(b)
}

func validateMutatingAdmissionPolicyBinding(b *admissionregistrationv1.MutatingAdmissionPolicyBinding) field.ErrorList {
	path := field.NewPath("spec")
	errs := check.RequiredSubdomain(path.Child("policyName"), b.Spec.PolicyName)
	errs = append(errs, validateParamRef(b.Spec.ParamRef, path.Child("paramRef"))...)
	if b.Spec.MatchResources != nil {
		errs = append(errs, matching.ValidateMatch(b.Spec.MatchResources, path.Child("matchResources"))...)
		errs = append(errs, matching.ValidateMutable(b.Spec.MatchResources, path.Child("matchResources"))...)
	}
	return errs
}

func validateMutatingAdmissionPolicyBindingUpdate(b, _ *admissionregistrationv1.MutatingAdmissionPolicyBinding) field.ErrorList {
	return validateMutatingAdmissionPolicyBinding(b)
}

func validateParamRef(ref *admissionregistrationv1.ParamRef, path *field.Path) field.ErrorList {
	if ref == nil {
		return nil
	}
	var errs field.ErrorList
	switch {
	case ref.Name != "" && ref.Selector != nil:
		const detail = "name and selector are mutually exclusive"
		errs = append(errs, field.Forbidden(path.Child("name"), detail), field.Forbidden(path.Child("selector"), detail))
	case ref.Name != "":
		errs = append(errs, check.Segment(path.Child("name"), ref.Name)...)
	case ref.Selector != nil:
		errs = append(errs, check.Selector(path.Child("selector"), ref.Selector)...)
	default:
		errs = append(errs, field.Required(path, "one of name or selector must be specified"))
	}
	if ref.ParameterNotFoundAction == nil {
		return append(errs, field.Required(path.Child("parameterNotFoundAction"), ""))
	}
	return append(errs, check.RequiredOneOf(path.Child("parameterNotFoundAction"), *ref.ParameterNotFoundAction,
		admissionregistrationv1.DenyAction, admissionregistrationv1.AllowAction)...)
}

func validateActions(actions []admissionregistrationv1.ValidationAction, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[admissionregistrationv1.ValidationAction]()
	for i, action := range actions {
		errs = append(errs, check.OneOf(path.Index(i), action, admissionregistrationv1.Audit, admissionregistrationv1.Deny, admissionregistrationv1.Warn)...)
		if seen.Has(action) {
			errs = append(errs, field.Duplicate(path.Index(i), action))
		}
		seen.Insert(action)
	}
	if seen.HasAll(admissionregistrationv1.Deny, admissionregistrationv1.Warn) {
		errs = append(errs, field.Invalid(path, actions, "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)"))
	}
	if len(actions) == 0 {
		errs = append(errs, field.Required(path, "at least one validation action is required"))
	}
	return errs
}
