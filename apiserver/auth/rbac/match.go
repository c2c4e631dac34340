package rbac

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/serviceaccount"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Allows says whether one rule allows a request.
func Allows(rule *rbacv1.PolicyRule, a authorizer.Attributes) bool {
	if !has(rule.Verbs, rbacv1.VerbAll, a.GetVerb()) {
		return false
	}
	if !a.IsResourceRequest() {
		return slices.ContainsFunc(rule.NonResourceURLs, func(pattern string) bool { return matchesPath(pattern, a.GetPath()) })
	}
	return has(rule.APIGroups, rbacv1.APIGroupAll, a.GetAPIGroup()) &&
		matchesResource(rule.Resources, a.GetResource(), a.GetSubresource()) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, a.GetName()))
}

func has(list []string, all, one string) bool {
	for _, item := range list {
		if item == all || item == one {
			return true
		}
	}
	return false
}

// matchesResource knows "*", "pods", "pods/log" and "*/scale".
func matchesResource(patterns []string, name, sub string) bool {
	for _, pattern := range patterns {
		if pattern == rbacv1.ResourceAll {
			return true
		}
		first, second, _ := strings.Cut(pattern, "/")
		if second == sub && (first == name || sub != "" && first == "*") {
			return true
		}
	}
	return false
}

// matchesPath knows "*", "/healthz" and "/healthz/*".
func matchesPath(pattern, path string) bool {
	if start, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(path, start)
	}
	return pattern == path
}

// applies says whether a subject of a binding is the user. namespace is the binding's, for service
// accounts that name none.
func applies(subject *rbacv1.Subject, u user.Info, namespace string) bool {
	switch subject.Kind {
	case rbacv1.UserKind:
		return subject.Name == u.GetName()
	case rbacv1.GroupKind:
		return slices.Contains(u.GetGroups(), subject.Name)
	case rbacv1.ServiceAccountKind:
		if subject.Namespace != "" {
			namespace = subject.Namespace
		}
		return namespace != "" && serviceaccount.MatchesUsername(namespace, subject.Name, u.GetName())
	}
	return false
}
