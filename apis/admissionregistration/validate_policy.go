package admissionregistration

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/admissionregistration/matching"
	"github.com/coxswain-k8s/coxswain/apis/check"
)

const (
	maxAuditAnnotations      = 20
	maxAuditExpressionLength = 5 * 1024
)

// annotationText is how audit annotations are printed.
type annotationText struct{ Key, ValueExpression string }

func validateValidatingAdmissionPolicy(p *admissionregistrationv1.ValidatingAdmissionPolicy) field.ErrorList {
	spec, path := &p.Spec, field.NewPath("spec")
	errs := matching.ValidateFailurePolicy(spec.FailurePolicy, path)
	errs = append(errs, validateParamKind(spec.ParamKind, path.Child("paramKind"))...)
	errs = append(errs, validateConstraints(spec.MatchConstraints, path.Child("matchConstraints"))...)
	errs = append(errs, matching.ValidateConditions(spec.MatchConditions, path.Child("matchConditions"))...)
	errs = append(errs, validateVariables(spec.Variables, path.Child("variables"))...)
	if len(spec.Validations) == 0 && len(spec.AuditAnnotations) == 0 {
		const detail = "validations or auditAnnotations must contain at least one item"
		return append(errs, field.Required(path.Child("validations"), detail), field.Required(path.Child("auditAnnotations"), detail))
	}
	for i := range spec.Validations {
		errs = append(errs, validateValidation(&spec.Validations[i], path.Child("validations").Index(i))...)
	}
	return append(errs, validateAuditAnnotations(p.Name, spec.AuditAnnotations, path.Child("auditAnnotations"))...)
}

func validateValidatingAdmissionPolicyUpdate(p, _ *admissionregistrationv1.ValidatingAdmissionPolicy) field.ErrorList {
	return validateValidatingAdmissionPolicy(p)
}

func validateValidatingAdmissionPolicyStatus(p, _ *admissionregistrationv1.ValidatingAdmissionPolicy) field.ErrorList {
	return metav1validation.ValidateConditions(p.Status.Conditions, field.NewPath("status", "conditions"))
}

func validateConstraints(m *admissionregistrationv1.MatchResources, path *field.Path) field.ErrorList {
	if m == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	errs := matching.ValidateMatch(m, path)
	if len(m.ResourceRules) == 0 {
		errs = append(errs, field.Required(path.Child("resourceRules"), ""))
	}
	return errs
}

func validateParamKind(kind *admissionregistrationv1.ParamKind, path *field.Path) field.ErrorList {
	if kind == nil {
		return nil
	}
	var errs field.ErrorList
	at := path.Child("apiVersion")
	if kind.APIVersion == "" {
		errs = append(errs, field.Required(at, ""))
	} else if gv, err := schema.ParseGroupVersion(kind.APIVersion); err != nil {
		errs = append(errs, field.Invalid(at, kind.APIVersion, err.Error()))
	} else {
		if gv.Group != "" {
			errs = append(errs, check.Messages(at, gv.Group, validation.IsDNS1123Subdomain(gv.Group))...)
		}
		errs = append(errs, check.Messages(at, gv.Version, validation.IsDNS1035Label(gv.Version))...)
	}
	if kind.Kind == "" {
		return append(errs, field.Required(path.Child("kind"), ""))
	}
	if messages := validation.IsDNS1035Label(strings.ToLower(kind.Kind)); len(messages) > 0 {
		errs = append(errs, field.Invalid(path.Child("kind"), kind.Kind, "may have mixed case, but should otherwise match: "+strings.Join(messages, ",")))
	}
	return errs
}

func validateVariables(variables []admissionregistrationv1.Variable, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, variable := range variables {
		at := path.Index(i)
		switch {
		case variable.Name == "":
			errs = append(errs, field.Required(at.Child("name"), "name is not specified"))
		case !isIdentifier(variable.Name):
			errs = append(errs, field.Invalid(at.Child("name"), variable.Name, "must be a valid CEL identifier"))
		}
		if strings.TrimSpace(variable.Expression) == "" {
			errs = append(errs, field.Required(at.Child("expression"), "expression is not specified"))
		}
	}
	return errs
}

// isIdentifier says whether a name can stand in an expression: a word, and none that CEL keeps for itself.
func isIdentifier(name string) bool {
	word, err := regexp.MatchString(`^[_a-zA-Z][_a-zA-Z0-9]*$`, name)
	return err == nil && word && !slices.Contains(strings.Fields(
		"true false null in as break const continue else for function if import let loop package namespace return var void while"), name)
}

func validateValidation(v *admissionregistrationv1.Validation, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if strings.TrimSpace(v.Expression) == "" {
		errs = append(errs, field.Required(path.Child("expression"), "expression is not specified"))
	}
	if v.MessageExpression != "" && strings.TrimSpace(v.MessageExpression) == "" {
		errs = append(errs, field.Invalid(path.Child("messageExpression"), v.MessageExpression, "must be non-empty if specified"))
	}
	switch {
	case v.Message != "" && strings.TrimSpace(v.Message) == "":
		errs = append(errs, field.Invalid(path.Child("message"), v.Message, "must be non-empty if specified"))
	case strings.ContainsAny(strings.TrimSpace(v.Message), "\n\r"):
		errs = append(errs, field.Invalid(path.Child("message"), v.Message, "must not contain line breaks"))
	}
	if v.Reason != nil {
		errs = append(errs, check.OneOf(path.Child("reason"), *v.Reason,
			metav1.StatusReasonForbidden, metav1.StatusReasonInvalid, metav1.StatusReasonRequestEntityTooLarge)...)
	}
	return errs
}

func validateAuditAnnotations(policy string, annotations []admissionregistrationv1.AuditAnnotation, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(annotations) > maxAuditAnnotations {
		text := make([]annotationText, 0, len(annotations))
		for _, annotation := range annotations {
			text = append(text, annotationText(annotation))
		}
		errs = append(errs, field.Invalid(path, text, fmt.Sprintf("must not have more than %d auditAnnotations", maxAuditAnnotations)))
	}
	seen := sets.New[string]()
	for i, annotation := range annotations {
		at := path.Index(i)
		if policy == "" {
			errs = append(errs, field.Invalid(at.Child("key"), annotation.Key, "requires metadata.name be non-empty"))
		} else {
			errs = append(errs, check.QualifiedName(at.Child("key"), policy+"/"+annotation.Key)...)
		}
		switch text := strings.TrimSpace(annotation.ValueExpression); {
		case text == "":
			errs = append(errs, field.Required(at.Child("valueExpression"), "valueExpression is not specified"))
		case len(text) > maxAuditExpressionLength:
			errs = append(errs, field.Required(at.Child("valueExpression"), fmt.Sprintf("must not exceed %d bytes in length", maxAuditExpressionLength)))
		}
		if seen.Has(annotation.Key) {
			errs = append(errs, field.Duplicate(at.Child("key"), annotation.Key))
		}
		seen.Insert(annotation.Key)
	}
	return errs
}

func validateMutatingAdmissionPolicy(p *admissionregistrationv1.MutatingAdmissionPolicy) field.ErrorList {
	spec, path := &p.Spec, field.NewPath("spec")
	errs := matching.ValidateFailurePolicy(spec.FailurePolicy, path)
	errs = append(errs, validateParamKind(spec.ParamKind, path.Child("paramKind"))...)
	errs = append(errs, validateConstraints(spec.MatchConstraints, path.Child("matchConstraints"))...)
	if spec.MatchConstraints != nil {
		errs = append(errs, matching.ValidateMutable(spec.MatchConstraints, path.Child("matchConstraints"))...)
	}
	errs = append(errs, matching.ValidateConditions(spec.MatchConditions, path.Child("matchConditions"))...)
	errs = append(errs, validateVariables(spec.Variables, path.Child("variables"))...)
	if len(spec.Mutations) == 0 {
		errs = append(errs, field.Required(path.Child("mutations"), "mutations must contain at least one item"))
	}
	for i := range spec.Mutations {
		errs = append(errs, validateMutation(&spec.Mutations[i], path.Child("mutations").Index(i))...)
	}
	return append(errs, check.RequiredOneOf(path.Child("reinvocationPolicy"), spec.ReinvocationPolicy,
		admissionregistrationv1.IfNeededReinvocationPolicy, admissionregistrationv1.NeverReinvocationPolicy)...)
}

func validateMutatingAdmissionPolicyUpdate(p, _ *admissionregistrationv1.MutatingAdmissionPolicy) field.ErrorList {
	return validateMutatingAdmissionPolicy(p)
}

// validateMutation checks that a mutation has the one expression that its type asks for.
func validateMutation(m *admissionregistrationv1.Mutation, path *field.Path) field.ErrorList {
	types := []admissionregistrationv1.PatchType{admissionregistrationv1.PatchTypeApplyConfiguration, admissionregistrationv1.PatchTypeJSONPatch}
	if errs := check.RequiredOneOf(path.Child("patchType"), m.PatchType, types...); len(errs) > 0 {
		return errs
	}
	wanted, other := "applyConfiguration", "jsonPatch"
	expressions := map[string]*string{}
	if m.ApplyConfiguration != nil {
		expressions[wanted] = &m.ApplyConfiguration.Expression
	}
	if m.JSONPatch != nil {
		expressions[other] = &m.JSONPatch.Expression
	}
	if m.PatchType == admissionregistrationv1.PatchTypeJSONPatch {
		wanted, other = other, wanted
	}
	var errs field.ErrorList
	switch expression := expressions[wanted]; {
	case expression == nil:
		errs = append(errs, field.Required(path.Child(wanted), "must be specified when patchType is "+string(m.PatchType)))
	case strings.TrimSpace(*expression) == "":
		errs = append(errs, field.Required(path.Child(wanted, "expression"), ""))
	}
	if expressions[other] != nil {
		errs = append(errs, field.Invalid(path.Child(other), "{"+other+"}", "must not be specified when patchType is "+string(m.PatchType)))
	}
	return errs
}
