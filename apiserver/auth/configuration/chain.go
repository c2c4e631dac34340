package configuration

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	case Node:
		return c.Node, nil
	case RBAC:
		return c.RBAC, nil
	case AlwaysAllow:
		return auth.AllowAll{}, nil
	case AlwaysDeny:
		return auth.DenyAll{}, nil
	case ABAC:
		return abac.Load(c.PolicyFile)
	case Webhook:
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

// Same returns an error where a reload would change more than webhooks and the order: what else decides is fixed at the start.
func Same(old, fresh *apiserver.AuthorizationConfiguration) error {
	if !slices.Equal(builtIn(old), builtIn(fresh)) {
		return errors.New("authorizers other than webhooks cannot be added or removed by a reload")
	}
	return nil
}

func builtIn(config *apiserver.AuthorizationConfiguration) []string {
	var kinds []string
	for i := range config.Authorizers {
		if kind := string(config.Authorizers[i].Type); kind != Webhook {
			kinds = append(kinds, kind)
		}
	}
	slices.Sort(kinds)
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
