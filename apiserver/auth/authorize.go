package auth

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"

	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Authorizers is asked in order until one allows or denies. Where all have no opinion, the reasons and
// errors of all are given.
type Authorizers []authorizer.Authorizer

var (
	_ authorizer.Authorizer   = Authorizers{}
	_ authorizer.RuleResolver = Authorizers{}
)

// Authorize implements authorizer.Authorizer.
func (all Authorizers) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	var errs []error
	var reasons []string
	for _, next := range all {
		decision, reason, err := next.Authorize(ctx, a)
		if err != nil {
			errs = append(errs, err)
		}
		if reason != "" {
			reasons = append(reasons, reason)
		}
		if decision != authorizer.DecisionNoOpinion {
			return decision, reason, err
		}
	}
	return authorizer.DecisionNoOpinion, strings.Join(reasons, "\n"), utilerrors.NewAggregate(errs)
}

// RulesFor implements authorizer.RuleResolver with the rules of all parts that can list theirs.
func (all Authorizers) RulesFor(ctx context.Context, u user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	var resources []authorizer.ResourceRuleInfo
	var paths []authorizer.NonResourceRuleInfo
	var errs []error
	incomplete := false
	for _, next := range all {
		resolver, ok := next.(authorizer.RuleResolver)
		if !ok {
			continue
		}
		r, p, partly, err := resolver.RulesFor(ctx, u, namespace)
		resources, paths, incomplete = append(resources, r...), append(paths, p...), incomplete || partly
		if err != nil {
			errs = append(errs, err)
		}
	}
	return resources, paths, incomplete, utilerrors.NewAggregate(errs)
}

// Masters allows everything to the group system:masters.
type Masters struct{}

// Authorize implements authorizer.Authorizer.
func (Masters) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if u := a.GetUser(); u != nil && slices.Contains(u.GetGroups(), user.SystemPrivilegedGroup) {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// AllowPaths allows everyone some paths that are no resources: "/healthz", "/livez/*".
type AllowPaths []string

// HealthPaths are open to all, for probes have no credentials.
var HealthPaths = AllowPaths{"/healthz", "/livez", "/readyz"}

// Authorize implements authorizer.Authorizer.
func (paths AllowPaths) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	if a.IsResourceRequest() {
		return authorizer.DecisionNoOpinion, "", nil
	}
	for _, pattern := range paths {
		start, open := strings.CutSuffix(pattern, "*")
		if a.GetPath() == pattern || open && strings.HasPrefix(a.GetPath(), start) {
			return authorizer.DecisionAllow, "", nil
		}
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// Current are the authorizers of the configuration of now.
type Current struct {
	authorizers atomic.Pointer[Authorizers]
}

// Use replaces the authorizers.
func (c *Current) Use(authorizers Authorizers) { c.authorizers.Store(&authorizers) }

func (c *Current) now() Authorizers {
	if authorizers := c.authorizers.Load(); authorizers != nil {
		return *authorizers
	}
	return nil
}

// Authorize implements authorizer.Authorizer.
func (c *Current) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	return c.now().Authorize(ctx, a)
}

// RulesFor implements authorizer.RuleResolver.
func (c *Current) RulesFor(ctx context.Context, u user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	return c.now().RulesFor(ctx, u, namespace)
}

// DenyAll allows nothing (--authorization-mode=AlwaysDeny).
type DenyAll struct{}

// Authorize implements authorizer.Authorizer.
func (DenyAll) Authorize(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionNoOpinion, "Everything is forbidden.", nil
}

// AllowAll allows everything (--authorization-mode=AlwaysAllow).
type AllowAll struct{}

// Authorize implements authorizer.Authorizer.
func (AllowAll) Authorize(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
	return authorizer.DecisionAllow, "", nil
}

// RulesFor implements authorizer.RuleResolver.
func (AllowAll) RulesFor(context.Context, user.Info, string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	everything := []string{"*"}
	return []authorizer.ResourceRuleInfo{&authorizer.DefaultResourceRuleInfo{Verbs: everything, APIGroups: everything, Resources: everything}},
		[]authorizer.NonResourceRuleInfo{&authorizer.DefaultNonResourceRuleInfo{Verbs: everything, NonResourceURLs: everything}}, false, nil
}
