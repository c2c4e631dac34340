package audit

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/util/validation/field"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"sigs.k8s.io/yaml"
)

var (
	levels = []auditv1.Level{auditv1.LevelNone, auditv1.LevelMetadata, auditv1.LevelRequest, auditv1.LevelRequestResponse}
	stages = []auditv1.Stage{auditv1.StageRequestReceived, auditv1.StageResponseStarted, auditv1.StageResponseComplete, auditv1.StagePanic}
)

// reaches says whether a level records at least as much as another.
func reaches(level, least auditv1.Level) bool {
	return slices.Index(levels, level) >= slices.Index(levels, least)
}

// LoadPolicy reads and checks a policy file.
func LoadPolicy(path string) (*auditv1.Policy, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the audit policy: %w", err)
	}
	policy := &auditv1.Policy{}
	if err := yaml.UnmarshalStrict(data, policy); err != nil {
		return nil, fmt.Errorf("reading the audit policy %s: %w", path, err)
	}
	if policy.Kind != "Policy" || policy.APIVersion != auditv1.SchemeGroupVersion.String() {
		return nil, fmt.Errorf("reading the audit policy %s: it is a %s of %s, want a Policy of %s", path, policy.Kind, policy.APIVersion, auditv1.SchemeGroupVersion)
	}
	if len(policy.Rules) == 0 {
		return nil, fmt.Errorf("reading the audit policy %s: loaded illegal policy with 0 rules", path)
	}
	if problems := validatePolicy(policy); len(problems) > 0 {
		return nil, fmt.Errorf("reading the audit policy %s: %w", path, problems.ToAggregate())
	}
	return policy, nil
}

func validatePolicy(policy *auditv1.Policy) field.ErrorList {
	problems := validateStages(policy.OmitStages, field.NewPath("omitStages"))
	for i, rule := range policy.Rules {
		path := field.NewPath("rules").Index(i)
		switch {
		case rule.Level == "":
			problems = append(problems, field.Required(path.Child("level"), ""))
		case !slices.Contains(levels, rule.Level):
			problems = append(problems, field.NotSupported(path.Child("level"), rule.Level, slices.Sorted(slices.Values(levels))))
		}
		if len(rule.NonResourceURLs) > 0 && (len(rule.Resources) > 0 || len(rule.Namespaces) > 0) {
			problems = append(problems, field.Invalid(path.Child("nonResourceURLs"), rule.NonResourceURLs, "rules cannot apply to both regular resources and non-resource URLs"))
		}
		problems = append(problems, validateURLs(rule.NonResourceURLs, path.Child("nonResourceURLs"))...)
		problems = append(problems, validateResources(rule.Resources, path.Child("resources"))...)
		problems = append(problems, validateStages(rule.OmitStages, path.Child("omitStages"))...)
	}
	return problems
}

func validateStages(omit []auditv1.Stage, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	for i, stage := range omit {
		if !slices.Contains(stages, stage) {
			problems = append(problems, field.Invalid(path.Index(i), string(stage), "allowed stages are "+joined(stages)))
		}
	}
	return problems
}

func joined(stages []auditv1.Stage) string {
	var names []string
	for _, stage := range stages {
		names = append(names, string(stage))
	}
	return strings.Join(names, ",")
}

func validateURLs(urls []string, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	for i, url := range urls {
		switch {
		case url == "*":
		case !strings.HasPrefix(url, "/"):
			problems = append(problems, field.Invalid(path.Index(i), url, "non-resource URL rules must begin with a '/' character"))
		case strings.Contains(strings.TrimSuffix(url, "*"), "*"):
			problems = append(problems, field.Invalid(path.Index(i), url, "non-resource URL wildcards '*' must be the final character of the rule"))
		}
	}
	return problems
}

func validateResources(all []auditv1.GroupResources, path *field.Path) field.ErrorList {
	var problems field.ErrorList
	for i, of := range all {
		if of.Group != "" && of.Group != "*" {
			for _, message := range content.IsDNS1123Subdomain(of.Group) {
				problems = append(problems, field.Invalid(path.Index(i).Child("group"), of.Group, message))
			}
		}
		if len(of.ResourceNames) > 0 && len(of.Resources) == 0 {
			problems = append(problems, field.Invalid(path.Index(i).Child("resourceNames"), of.ResourceNames, "using resourceNames requires at least one resource"))
		}
	}
	return problems
}

// decision is what a policy says of one request.
type decision struct {
	level             auditv1.Level
	omit              []auditv1.Stage
	omitManagedFields bool
}

// decide takes the first rule that matches.
func decide(policy *auditv1.Policy, a authorizer.Attributes) decision {
	for i := range policy.Rules {
		rule := &policy.Rules[i]
		if !matches(rule, a) {
			continue
		}
		d := decision{level: rule.Level, omit: append(slices.Clone(policy.OmitStages), rule.OmitStages...), omitManagedFields: policy.OmitManagedFields}
		if rule.OmitManagedFields != nil {
			d.omitManagedFields = *rule.OmitManagedFields
		}
		return d
	}
	return decision{level: auditv1.LevelNone}
}

// matches says whether every field of a rule fits; an empty one fits all.
func matches(rule *auditv1.PolicyRule, a authorizer.Attributes) bool {
	who := a.GetUser()
	if len(rule.Users) > 0 && (who == nil || !slices.Contains(rule.Users, who.GetName())) {
		return false
	}
	if len(rule.UserGroups) > 0 && (who == nil || !slices.ContainsFunc(who.GetGroups(), func(g string) bool { return slices.Contains(rule.UserGroups, g) })) {
		return false
	}
	if len(rule.Verbs) > 0 && !slices.Contains(rule.Verbs, a.GetVerb()) {
		return false
	}
	if len(rule.Namespaces) == 0 && len(rule.Resources) == 0 && len(rule.NonResourceURLs) == 0 {
		return true
	}
	if !a.IsResourceRequest() {
		return slices.ContainsFunc(rule.NonResourceURLs, func(pattern string) bool { return urlMatches(pattern, a.GetPath()) })
	}
	if len(rule.NonResourceURLs) > 0 || len(rule.Namespaces) > 0 && !slices.Contains(rule.Namespaces, a.GetNamespace()) {
		return false
	}
	return len(rule.Resources) == 0 || slices.ContainsFunc(rule.Resources, func(of auditv1.GroupResources) bool { return resourceMatches(of, a) })
}

func urlMatches(pattern, path string) bool {
	if pattern == "*" || pattern == path {
		return true
	}
	prefix, wild := strings.CutSuffix(pattern, "*")
	return wild && strings.HasPrefix(path, prefix)
}

func resourceMatches(of auditv1.GroupResources, a authorizer.Attributes) bool {
	if of.Group != "*" && of.Group != a.GetAPIGroup() {
		return false
	}
	if len(of.Resources) == 0 {
		return true
	}
	if len(of.ResourceNames) > 0 && !slices.Contains(of.ResourceNames, a.GetName()) {
		return false
	}
	resource, sub := a.GetResource(), a.GetSubresource()
	whole := resource
	if sub != "" {
		whole += "/" + sub
	}
	return slices.ContainsFunc(of.Resources, func(pattern string) bool {
		return pattern == "*" || pattern == whole || sub != "" && (pattern == resource+"/*" || pattern == "*/"+sub)
	})
}
