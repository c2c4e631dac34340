package matching

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// maxConditions is how many match conditions there may be.
const maxConditions = 64

// ValidateFailurePolicy checks what is to be done where it cannot be decided.
func ValidateFailurePolicy(policy *admissionregistrationv1.FailurePolicyType, path *field.Path) field.ErrorList {
	if policy == nil {
		return nil
	}
	return check.OneOf(path.Child("failurePolicy"), *policy, admissionregistrationv1.Fail, admissionregistrationv1.Ignore)
}

// ValidateMatchPolicy checks whether rules are about requests of other versions, too.
func ValidateMatchPolicy(policy *admissionregistrationv1.MatchPolicyType, path *field.Path) field.ErrorList {
	if policy == nil {
		return nil
	}
	return check.OneOf(path.Child("matchPolicy"), *policy, admissionregistrationv1.Equivalent, admissionregistrationv1.Exact)
}

// ValidateSelectors checks which namespaces and objects are chosen.
func ValidateSelectors(namespaces, objects *metav1.LabelSelector, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if namespaces != nil {
		errs = append(errs, check.Selector(path.Child("namespaceSelector"), namespaces)...)
	}
	if objects != nil {
		errs = append(errs, check.Selector(path.Child("objectSelector"), objects)...)
	}
	return errs
}

// ValidateConditions checks the names of match conditions, and that they say something.
func ValidateConditions(conditions []admissionregistrationv1.MatchCondition, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(conditions) > maxConditions {
		errs = append(errs, field.TooMany(path, len(conditions), maxConditions))
	}
	var names []string
	for i, condition := range conditions {
		at := path.Index(i)
		if strings.TrimSpace(condition.Expression) == "" {
			errs = append(errs, field.Required(at.Child("expression"), ""))
		}
		if condition.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
			continue
		}
		errs = append(errs, check.QualifiedName(at.Child("name"), condition.Name)...)
		if slices.Contains(names, condition.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), condition.Name))
		}
		names = append(names, condition.Name)
	}
	return errs
}
