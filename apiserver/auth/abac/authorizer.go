package abac

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Authorizer allows what one of its policies allows.
type Authorizer struct {
	policies []policy
}

var (
	_ authorizer.Authorizer   = &Authorizer{}
	_ authorizer.RuleResolver = &Authorizer{}
)

// Authorize implements authorizer.Authorizer.
func (a *Authorizer) Authorize(_ context.Context, of authorizer.Attributes) (authorizer.Decision, string, error) {
	for i := range a.policies {
		if a.policies[i].allows(of) {
			return authorizer.DecisionAllow, "", nil
		}
	}
	return authorizer.DecisionNoOpinion, "No policy matched.", nil
}

func (p *policy) allows(of authorizer.Attributes) bool {
	if u := of.GetUser(); u == nil || !p.about(u) || p.Readonly && !of.IsReadOnly() {
		return false
	}
	if of.IsResourceRequest() {
		return matches(p.Namespace, of.GetNamespace()) && matches(p.Resource, of.GetResource()) && matches(p.APIGroup, of.GetAPIGroup())
	}
	start, open := strings.CutSuffix(p.NonResourcePath, "*")
	return matches(p.NonResourcePath, of.GetPath()) || open && strings.HasPrefix(of.GetPath(), start)
}

// about says whether the policy is about the user: by the name, by a group, or by both where both are given.
func (p *policy) about(u user.Info) bool {
	if p.User == "" && p.Group == "" {
		return false
	}
	return (p.User == "" || p.User == u.GetName()) && (p.Group == "" || slices.Contains(u.GetGroups(), p.Group))
}

func matches(pattern, value string) bool { return pattern == "*" || pattern == value }

// RulesFor implements authorizer.RuleResolver. Paths are listed with the namespace of their policy, as upstream does.
func (a *Authorizer) RulesFor(_ context.Context, u user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	var resources []authorizer.ResourceRuleInfo
	var paths []authorizer.NonResourceRuleInfo
	for _, p := range a.policies {
		if !p.about(u) || !matches(p.Namespace, namespace) {
			continue
		}
		verbs := []string{"*"}
		if p.Readonly {
			verbs = []string{"get", "list", "watch"}
		}
		if p.Resource != "" {
			resources = append(resources, &authorizer.DefaultResourceRuleInfo{Verbs: verbs, APIGroups: []string{p.APIGroup}, Resources: []string{p.Resource}})
		}
		if p.NonResourcePath != "" {
			paths = append(paths, &authorizer.DefaultNonResourceRuleInfo{Verbs: verbs, NonResourceURLs: []string{p.NonResourcePath}})
		}
	}
	return resources, paths, false, nil
}
