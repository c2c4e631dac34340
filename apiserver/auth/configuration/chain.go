package configuration

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/apis/apiserver/validation"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	authorizationcel "k8s.io/apiserver/pkg/authorization/cel"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/abac"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/webhook"
)

// Chain makes authorizers of a configuration.
type Chain struct {
	// Node and RBAC are asked where the configuration names them.
	Node, RBAC authorizer.Authorizer
	// PolicyFile of the mode ABAC.
	PolicyFile string
	Clock      clock.Clock
	Metrics    *authmetrics.Metrics
}

// Build returns the authorizers of a configuration that is valid, in its order.
func (c *Chain) Build(config *apiserver.AuthorizationConfiguration) (auth.Authorizers, error) {
	made := auth.Authorizers{}
	for i := range config.Authorizers {
		one := &config.Authorizers[i]
		next, err := c.make(one)
		if err != nil {
			return nil, fmt.Errorf("invalid authorization config: %w", err)
		}
		made = append(made, &named{Authorizer: next, kind: string(one.Type), name: one.Name, metrics: c.Metrics})
	}
	return made, nil
}

func (c *Chain) make(one *apiserver.AuthorizerConfiguration) (authorizer.Authorizer, error) {
	switch one.Type {
	case modeNode:
		return c.Node, nil
	case modeRBAC:
		return c.RBAC, nil
	case modeAlwaysAllow:
		return auth.AllowAll{}, nil
	case modeAlwaysDeny:
		return auth.DenyAll{}, nil
	case modeABAC:
		return abac.Load(c.PolicyFile)
	case modeWebhook:
		return c.webhook(one)
	}
	return nil, fmt.Errorf("unknown authorization mode %s specified", one.Type)
}

func (c *Chain) webhook(one *apiserver.AuthorizerConfiguration) (authorizer.Authorizer, error) {
	settings := webhook.Settings{Name: one.Name, Config: *one.Webhook, Clock: c.Clock, Metrics: c.Metrics}
	if file := one.Webhook.ConnectionInfo.KubeConfigFile; file != nil {
		settings.Kubeconfig = *file
	}
	if conditions := one.Webhook.MatchConditions; len(conditions) > 0 {
		matcher, errs := validation.ValidateAndCompileMatchConditions(authorizationcel.NewDefaultCompiler(), conditions)
		if err := errs.ToAggregate(); err != nil {
			return nil, err
		}
		settings.Matcher = matcher
	}
	return webhook.NewAccess(settings)
}

// Same returns an error where a reload would add or remove an authorizer that the server begins with.
func Same(old, fresh *apiserver.AuthorizationConfiguration) error {
	had, has := fixed(old), fixed(fresh)
	if missing := had.Difference(has); missing.Len() > 0 {
		return fmt.Errorf("missing required types: %v", sets.List(missing))
	}
	if added := has.Difference(had); added.Len() > 0 {
		return fmt.Errorf("types that cannot be added: %v", sets.List(added))
	}
	return nil
}

func fixed(config *apiserver.AuthorizationConfiguration) sets.Set[string] {
	kinds := sets.New[string]()
	for i := range config.Authorizers {
		if kind := string(config.Authorizers[i].Type); kind == modeNode || kind == modeRBAC {
			kinds.Insert(kind)
		}
	}
	return kinds
}

// named counts what an authorizer decides.
type named struct {
	authorizer.Authorizer
	kind, name string
	metrics    *authmetrics.Metrics
}

// Authorize implements authorizer.Authorizer.
func (n *named) Authorize(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	decision, reason, err := n.Authorizer.Authorize(ctx, a)
	n.metrics.Decided(n.kind, n.name, decision)
	return decision, reason, err
}

// RulesFor implements authorizer.RuleResolver.
func (n *named) RulesFor(ctx context.Context, u user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	resolver, ok := n.Authorizer.(authorizer.RuleResolver)
	if !ok {
		return nil, nil, false, nil
	}
	return resolver.RulesFor(ctx, u, namespace)
}
