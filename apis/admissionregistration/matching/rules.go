package matching

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

const (
	all       = "*"
	allOfAll  = "*/*"
	separator = "/"
)

func operations() []admissionregistrationv1.OperationType {
	return []admissionregistrationv1.OperationType{
		admissionregistrationv1.OperationAll, admissionregistrationv1.Connect, admissionregistrationv1.Create,
		admissionregistrationv1.Delete, admissionregistrationv1.Update,
	}
}

// ValidateRule checks which requests a rule is about.
func ValidateRule(rule *admissionregistrationv1.RuleWithOperations, path *field.Path) field.ErrorList {
	at := path.Child("operations")
	var errs field.ErrorList
	if len(rule.Operations) == 0 {
		errs = append(errs, field.Required(at, ""))
	}
	if len(rule.Operations) > 1 && slices.Contains(rule.Operations, admissionregistrationv1.OperationAll) {
		errs = append(errs, field.Invalid(at, rule.Operations, "if '*' is present, must not specify other operations"))
	}
	for i, operation := range rule.Operations {
		errs = append(errs, check.OneOf(at.Index(i), operation, operations()...)...)
	}
	errs = append(errs, validateAlone(rule.APIGroups, true, "API groups", path.Child("apiGroups"))...)
	errs = append(errs, validateAlone(rule.APIVersions, false, "API versions", path.Child("apiVersions"))...)
	errs = append(errs, validateResources(rule.Resources, path.Child("resources"))...)
	if rule.Scope != nil {
		errs = append(errs, check.OneOf(path.Child("scope"), *rule.Scope,
			admissionregistrationv1.AllScopes, admissionregistrationv1.ClusterScope, admissionregistrationv1.NamespacedScope)...)
	}
	return errs
}

// validateAlone checks a list in which "*" stands alone.
func validateAlone(values []string, mayBeEmpty bool, what string, path *field.Path) field.ErrorList {
	if len(values) == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(values) > 1 && slices.Contains(values, all) {
		errs = append(errs, field.Invalid(path, values, "if '*' is present, must not specify other "+what))
	}
	for i, value := range values {
		if value == "" && !mayBeEmpty {
			errs = append(errs, field.Required(path.Index(i), ""))
		}
	}
	return errs
}

// validateResources checks that no resource or subresource is covered by another that came before it.
func validateResources(resources []string, path *field.Path) field.ErrorList {
	if len(resources) == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	allSubresourcesOf, ofAllResources, plain := sets.New[string](), sets.New[string](), 0
	for i, name := range resources {
		if name == "" {
			errs = append(errs, field.Required(path.Index(i), ""))
		}
		resource, subresource, has := strings.Cut(name, separator)
		if !has {
			plain++
			continue
		}
		if allSubresourcesOf.Has(resource) {
			errs = append(errs, field.Invalid(path.Index(i), name, "if '"+resource+"/*' is present, must not specify "+name))
		}
		if ofAllResources.Has(subresource) {
			errs = append(errs, field.Invalid(path.Index(i), name, "if '*/"+subresource+"' is present, must not specify "+name))
		}
		if subresource == all {
			allSubresourcesOf.Insert(resource)
		}
		if resource == all {
			ofAllResources.Insert(subresource)
		}
	}
	switch {
	case len(resources) > 1 && slices.Contains(resources, allOfAll):
		errs = append(errs, field.Invalid(path, resources, "if '*/*' is present, must not specify other resources"))
	case plain > 1 && slices.Contains(resources, all):
		errs = append(errs, field.Invalid(path, resources, "if '*' is present, must not specify other resources without subresources"))
	}
	return errs
}

// validateNamedRules checks rules that may name single objects.
func validateNamedRules(rules []admissionregistrationv1.NamedRuleWithOperations, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range rules {
		at := path.Index(i)
		names := sets.New[string]()
		for j, name := range rules[i].ResourceNames {
			errs = append(errs, check.Segment(at.Child("resourceNames").Index(j), name)...)
			if names.Has(name) {
				errs = append(errs, field.Duplicate(at.Child("resourceNames").Index(j), name))
			}
			names.Insert(name)
		}
		errs = append(errs, ValidateRule(&rules[i].RuleWithOperations, at)...)
	}
	return errs
}

// ValidateMatch checks which objects a policy is about.
func ValidateMatch(m *admissionregistrationv1.MatchResources, path *field.Path) field.ErrorList {
	errs := ValidateMatchPolicy(m.MatchPolicy, path)
	errs = append(errs, ValidateSelectors(m.NamespaceSelector, m.ObjectSelector, path)...)
	errs = append(errs, validateNamedRules(m.ResourceRules, path.Child("resourceRules"))...)
	return append(errs, validateNamedRules(m.ExcludeResourceRules, path.Child("excludeResourceRules"))...)
}

// ValidateMutable refuses rules about deletions, which cannot be changed.
func ValidateMutable(m *admissionregistrationv1.MatchResources, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, rule := range m.ResourceRules {
		for _, operation := range rule.Operations {
			errs = append(errs, check.OneOf(path.Child("resourceRules", "operations"), operation,
				admissionregistrationv1.OperationAll, admissionregistrationv1.Connect, admissionregistrationv1.Create, admissionregistrationv1.Update)...)
		}
	}
	return errs
}
