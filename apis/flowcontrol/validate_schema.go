package flowcontrol

import (
	"fmt"
	"slices"
	"strings"

	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

const all = "*"

// schemaText is how a specification is printed.
type schemaText struct {
	PriorityLevelConfiguration struct{ Name string }
	MatchingPrecedence         int32
	DistinguisherMethod        *methodText
	Rules                      []flowcontrolv1.PolicyRulesWithSubjects
}

type methodText struct {
	Type flowcontrolv1.FlowDistinguisherMethodType
}

func validateFlowSchema(f *flowcontrolv1.FlowSchema) field.ErrorList {
	spec, path := &f.Spec, field.NewPath("spec")
	errs := validatePrecedence(f, path)
	if method := spec.DistinguisherMethod; method != nil {
		switch method.Type {
		case flowcontrolv1.FlowDistinguisherMethodByNamespaceType, flowcontrolv1.FlowDistinguisherMethodByUserType:
		default:
			errs = append(errs, field.NotSupported(path.Child("distinguisherMethod", "type"), methodText{Type: method.Type}, []string{
				string(flowcontrolv1.FlowDistinguisherMethodByNamespaceType), string(flowcontrolv1.FlowDistinguisherMethodByUserType)}))
		}
	}
	at := path.Child("priorityLevelConfiguration", "name")
	if level := spec.PriorityLevelConfiguration.Name; level == "" {
		errs = append(errs, field.Required(at, "must reference a priority level"))
	} else {
		errs = append(errs, check.Messages(at, level, apivalidation.NameIsDNSSubdomain(level, false))...)
	}
	for i := range spec.Rules {
		errs = append(errs, validateRules(&spec.Rules[i], path.Child("rules").Index(i))...)
	}
	if fixed := fixedFlowSchema(f.Name); fixed != nil && !equality.Semantic.DeepEqual(fixed, spec) {
		errs = append(errs, field.Invalid(path, textOf(spec), fmt.Sprintf("spec of '%s' must equal the fixed value", f.Name)))
	}
	return append(errs, validateSchemaStatus(f)...)
}

func validateFlowSchemaUpdate(f, _ *flowcontrolv1.FlowSchema) field.ErrorList {
	return validateFlowSchema(f)
}

func validateFlowSchemaStatus(f, _ *flowcontrolv1.FlowSchema) field.ErrorList {
	return validateSchemaStatus(f)
}

func validateSchemaStatus(f *flowcontrolv1.FlowSchema) field.ErrorList {
	var types []string
	for _, condition := range f.Status.Conditions {
		types = append(types, string(condition.Type))
	}
	return check.ConditionTypes(field.NewPath("status", "conditions"), types)
}

func textOf(spec *flowcontrolv1.FlowSchemaSpec) schemaText {
	text := schemaText{MatchingPrecedence: spec.MatchingPrecedence, Rules: spec.Rules}
	text.PriorityLevelConfiguration.Name = spec.PriorityLevelConfiguration.Name
	if spec.DistinguisherMethod != nil {
		text.DistinguisherMethod = &methodText{Type: spec.DistinguisherMethod.Type}
	}
	return text
}

func validatePrecedence(f *flowcontrolv1.FlowSchema, path *field.Path) field.ErrorList {
	at, precedence := path.Child("matchingPrecedence"), f.Spec.MatchingPrecedence
	var errs field.ErrorList
	if precedence <= 0 {
		errs = append(errs, field.Invalid(at, precedence, "must be a positive value"))
	}
	if precedence > lastPrecedence {
		errs = append(errs, field.Invalid(at, precedence, fmt.Sprintf("must not be greater than %d", lastPrecedence)))
	}
	if precedence == firstPrecedence && f.Name != exempt {
		errs = append(errs, field.Invalid(at, precedence, "only the schema named 'exempt' may have matchingPrecedence 1"))
	}
	return errs
}

func validateRules(rules *flowcontrolv1.PolicyRulesWithSubjects, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(rules.Subjects) == 0 {
		errs = append(errs, field.Required(path.Child("subjects"), "subjects must contain at least one value"))
	}
	for i := range rules.Subjects {
		errs = append(errs, validateSubject(&rules.Subjects[i], path.Child("subjects").Index(i))...)
	}
	if len(rules.ResourceRules) == 0 && len(rules.NonResourceRules) == 0 {
		errs = append(errs, field.Required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"))
	}
	for i := range rules.ResourceRules {
		errs = append(errs, validateResourceRule(&rules.ResourceRules[i], path.Child("resourceRules").Index(i))...)
	}
	for i := range rules.NonResourceRules {
		errs = append(errs, validateNonResourceRule(&rules.NonResourceRules[i], path.Child("nonResourceRules").Index(i))...)
	}
	return errs
}

func validateSubject(s *flowcontrolv1.Subject, path *field.Path) field.ErrorList {
	parts := []struct {
		kind  flowcontrolv1.SubjectKind
		field string
		given bool
	}{
		{flowcontrolv1.SubjectKindGroup, "group", s.Group != nil},
		{flowcontrolv1.SubjectKindServiceAccount, "serviceAccount", s.ServiceAccount != nil},
		{flowcontrolv1.SubjectKindUser, "user", s.User != nil},
	}
	var errs field.ErrorList
	kinds := make([]flowcontrolv1.SubjectKind, 0, len(parts))
	for _, part := range parts {
		kinds = append(kinds, part.kind)
	}
	if !slices.Contains(kinds, s.Kind) {
		return field.ErrorList{field.NotSupported(path.Child("kind"), s.Kind, kinds)}
	}
	for _, part := range parts {
		switch {
		case part.kind == s.Kind && !part.given:
			errs = append(errs, field.Required(path.Child(part.field), fmt.Sprintf("%s is required when subject kind is '%s'", part.field, part.kind)))
		case part.kind != s.Kind && part.given:
			errs = append(errs, field.Forbidden(path.Child(part.field), fmt.Sprintf("%s is forbidden when subject kind is not '%s'", part.field, part.kind)))
		}
	}
	switch {
	case s.Kind == flowcontrolv1.SubjectKindServiceAccount && s.ServiceAccount != nil:
		errs = append(errs, validateServiceAccount(s.ServiceAccount, path.Child("serviceAccount"))...)
	case s.Kind == flowcontrolv1.SubjectKindUser && s.User != nil && s.User.Name == "":
		errs = append(errs, field.Required(path.Child("user", "name"), ""))
	case s.Kind == flowcontrolv1.SubjectKindGroup && s.Group != nil && s.Group.Name == "":
		errs = append(errs, field.Required(path.Child("group", "name"), ""))
	}
	return errs
}

func validateServiceAccount(a *flowcontrolv1.ServiceAccountSubject, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch a.Name {
	case "":
		errs = append(errs, field.Required(path.Child("name"), ""))
	case all:
	default:
		errs = append(errs, check.Messages(path.Child("name"), a.Name, apivalidation.ValidateServiceAccountName(a.Name, false))...)
	}
	if a.Namespace == "" {
		return append(errs, field.Required(path.Child("namespace"), "must specify namespace for service account"))
	}
	return append(errs, check.Messages(path.Child("namespace"), a.Namespace, apivalidation.ValidateNamespaceName(a.Namespace, false))...)
}

func verbs() []string {
	return []string{"create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"}
}

func validateVerbs(given []string, path *field.Path) field.ErrorList {
	if len(given) == 0 {
		return field.ErrorList{field.Required(path, "verbs must contain at least one value")}
	}
	if errs := alone(given, "verbs", path); len(errs) > 0 || given[0] == all {
		return errs
	}
	for _, verb := range given {
		if !slices.Contains(verbs(), verb) {
			return field.ErrorList{field.NotSupported(path, given, verbs())}
		}
	}
	return nil
}

// alone refuses anything beside "*".
func alone(values []string, what string, path *field.Path) field.ErrorList {
	if len(values) > 1 && slices.Contains(values, all) {
		return field.ErrorList{field.Invalid(path, values, "if '*' is present, must not specify other "+what)}
	}
	return nil
}

func validateResourceRule(rule *flowcontrolv1.ResourcePolicyRule, path *field.Path) field.ErrorList {
	errs := validateVerbs(rule.Verbs, path.Child("verbs"))
	if len(rule.APIGroups) == 0 {
		errs = append(errs, field.Required(path.Child("apiGroups"), "resource rules must supply at least one api group"))
	}
	errs = append(errs, alone(rule.APIGroups, "api groups", path.Child("apiGroups"))...)
	if len(rule.Resources) == 0 {
		errs = append(errs, field.Required(path.Child("resources"), "resource rules must supply at least one resource"))
	}
	errs = append(errs, alone(rule.Resources, "resources", path.Child("resources"))...)
	at := path.Child("namespaces")
	if len(rule.Namespaces) == 0 && !rule.ClusterScope {
		errs = append(errs, field.Required(at, "resource rules that are not cluster scoped must supply at least one namespace"))
	}
	if wrong := alone(rule.Namespaces, "namespaces", at); len(wrong) > 0 {
		return append(errs, wrong...)
	}
	for i, namespace := range rule.Namespaces {
		if namespace == all {
			continue
		}
		for _, message := range validation.IsDNS1123Label(namespace) {
			errs = append(errs, field.Invalid(at.Index(i), namespace, "each member of this list must be '*' or a DNS-1123 label; "+message))
		}
	}
	return errs
}

func validateNonResourceRule(rule *flowcontrolv1.NonResourcePolicyRule, path *field.Path) field.ErrorList {
	errs := validateVerbs(rule.Verbs, path.Child("verbs"))
	at := path.Child("nonResourceURLs")
	if len(rule.NonResourceURLs) == 0 {
		return append(errs, field.Required(at, "nonResourceURLs must contain at least one value"))
	}
	if wrong := alone(rule.NonResourceURLs, "non-resource URLs", at); len(wrong) > 0 {
		return append(errs, wrong...)
	}
	for i, url := range rule.NonResourceURLs {
		if detail := wrongURL(url); url != all && detail != "" {
			errs = append(errs, field.Invalid(at.Index(i), url, detail))
		}
	}
	return errs
}

// wrongURL says what is wrong with a path that may end in "/*".
func wrongURL(url string) string {
	switch {
	case url == "":
		return "must not be empty"
	case url == "/":
		return ""
	case !strings.HasPrefix(url, "/"):
		return "must start with slash"
	case strings.Contains(url, " "):
		return "must not contain white-space"
	case strings.Contains(url, "//"):
		return "must not contain double slash"
	case strings.Contains(strings.TrimSuffix(url, "/*"), all):
		return "wildcard can only do suffix matching"
	}
	return ""
}
