package oidc

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/cel-go/common/types"
	authenticationcel "k8s.io/apiserver/pkg/authentication/cel"
	"k8s.io/apiserver/pkg/authentication/user"
)

// user is who the claims say.
func (i *issuer) user(ctx context.Context, c claims) (*user.DefaultInfo, error) {
	u := &user.DefaultInfo{}
	var err error
	if u.Name, err = i.username(ctx, c); err != nil {
		return nil, err
	}
	if u.Groups, err = i.groups(ctx, c); err != nil {
		return nil, err
	}
	if u.UID, err = i.uid(ctx, c); err != nil {
		return nil, err
	}
	if u.Extra, err = i.extra(ctx, c); err != nil {
		return nil, err
	}
	if id, ok := c["jti"].(string); ok && id != "" {
		if u.Extra == nil {
			u.Extra = map[string][]string{}
		}
		u.Extra[user.CredentialIDKey] = []string{"JTI=" + id}
	}
	return u, nil
}

func (i *issuer) username(ctx context.Context, c claims) (string, error) {
	from := i.config.ClaimMappings.Username
	if from.Expression != "" {
		result, err := i.programs.Username.EvalClaimMapping(ctx, c.value())
		if err != nil {
			return "", fmt.Errorf("oidc: error evaluating username claim expression: %w", err)
		}
		name, err := textOf(result.EvalResult)
		if err != nil {
			return "", fmt.Errorf("oidc: error evaluating username claim expression: %w", err)
		}
		if name == "" {
			return "", errors.New("oidc: empty username via CEL expression is not allowed")
		}
		return name, nil
	}
	name, err := c.text(from.Claim)
	if err != nil {
		return "", fmt.Errorf("oidc: parse username claims %q: %w", from.Claim, err)
	}
	if verified, given := c["email_verified"]; given && from.Claim == "email" && verified != true {
		if _, is := verified.(bool); !is {
			return "", fmt.Errorf("oidc: parse 'email_verified' claim: it is not a boolean but %T", verified)
		}
		return "", errors.New("oidc: email not verified")
	}
	if from.Prefix != nil {
		name = *from.Prefix + name
	}
	return name, nil
}

func (i *issuer) groups(ctx context.Context, c claims) ([]string, error) {
	from := i.config.ClaimMappings.Groups
	if from.Expression != "" {
		result, err := i.programs.Groups.EvalClaimMapping(ctx, c.value())
		if err != nil {
			return nil, fmt.Errorf("oidc: error evaluating group claim expression: %w", err)
		}
		names, err := textsOf(result.EvalResult)
		if err != nil {
			return nil, fmt.Errorf("oidc: error evaluating group claim expression: %w", err)
		}
		return names, nil
	}
	if from.Claim == "" {
		return nil, nil
	}
	names, err := c.texts(from.Claim)
	if err != nil {
		return nil, fmt.Errorf("oidc: parse groups claim %q: %w", from.Claim, err)
	}
	if from.Prefix != nil {
		names = prefixed(*from.Prefix, names)
	}
	return names, nil
}

func (i *issuer) uid(ctx context.Context, c claims) (string, error) {
	from := i.config.ClaimMappings.UID
	if from.Claim != "" {
		uid, err := c.text(from.Claim)
		if err != nil {
			return "", fmt.Errorf("oidc: parse uid claim %q: %w", from.Claim, err)
		}
		return uid, nil
	}
	if i.programs.UID == nil {
		return "", nil
	}
	result, err := i.programs.UID.EvalClaimMapping(ctx, c.value())
	if err != nil {
		return "", fmt.Errorf("oidc: error evaluating uid claim expression: %w", err)
	}
	uid, err := textOf(result.EvalResult)
	if err != nil {
		return "", fmt.Errorf("oidc: error evaluating uid claim expression: %w", err)
	}
	return uid, nil
}

func (i *issuer) extra(ctx context.Context, c claims) (map[string][]string, error) {
	if i.programs.Extra == nil {
		return nil, nil
	}
	results, err := i.programs.Extra.EvalClaimMappings(ctx, c.value())
	if err != nil {
		return nil, fmt.Errorf("oidc: error evaluating extra claim expression: %w", err)
	}
	extra := map[string][]string{}
	for _, result := range results {
		mapping, ok := result.ExpressionAccessor.(*authenticationcel.ExtraMappingExpression)
		if !ok {
			return nil, errors.New("oidc: error evaluating extra claim expression: it has no key")
		}
		values, err := textsOf(result.EvalResult)
		if err != nil {
			return nil, fmt.Errorf("oidc: error evaluating extra claim expression: %s: %w", mapping.GetExpression(), err)
		}
		if len(values) > 0 {
			extra[mapping.Key] = values
		}
	}
	return extra, nil
}

// required checks the rules that name a claim and its value.
func (i *issuer) required(c claims) error {
	for _, rule := range i.config.ClaimValidationRules {
		if rule.Claim == "" {
			continue
		}
		if _, ok := c[rule.Claim]; !ok {
			return fmt.Errorf("oidc: required claim %s not present in ID token", rule.Claim)
		}
		value, err := c.text(rule.Claim)
		if err != nil {
			return fmt.Errorf("oidc: parse claim %s: %w", rule.Claim, err)
		}
		if value != rule.RequiredValue {
			return fmt.Errorf("oidc: required claim %s value does not match. Got = %s, want = %s", rule.Claim, value, rule.RequiredValue)
		}
	}
	return nil
}

// validateClaims checks the rules that are expressions over claims.
func (i *issuer) validateClaims(ctx context.Context, c claims) error {
	if i.programs.ClaimValidationRules == nil {
		return nil
	}
	results, err := i.programs.ClaimValidationRules.EvalClaimMappings(ctx, c.value())
	if err != nil {
		return fmt.Errorf("oidc: error evaluating claim validation expression: %w", err)
	}
	if err := check(results); err != nil {
		return fmt.Errorf("oidc: error evaluating claim validation expression: %w", err)
	}
	return nil
}

// validateUser checks the rules that are expressions over the user.
func (i *issuer) validateUser(ctx context.Context, u *user.DefaultInfo) error {
	if i.programs.UserValidationRules == nil {
		return nil
	}
	results, err := i.programs.UserValidationRules.EvalUser(ctx, userValue(u))
	if err != nil {
		return fmt.Errorf("oidc: error evaluating user info validation rule: %w", err)
	}
	if err := check(results); err != nil {
		return fmt.Errorf("oidc: error evaluating user info validation rule: %w", err)
	}
	return nil
}

// check returns the first rule that is not true.
func check(results []authenticationcel.EvaluationResult) error {
	for _, result := range results {
		if result.EvalResult == types.True {
			continue
		}
		message := ""
		switch rule := result.ExpressionAccessor.(type) {
		case *authenticationcel.ClaimValidationCondition:
			message = rule.Message
		case *authenticationcel.UserValidationCondition:
			message = rule.Message
		}
		if message == "" {
			return fmt.Errorf("validation expression '%s' failed", result.ExpressionAccessor.GetExpression())
		}
		return fmt.Errorf("validation expression '%s' failed: %s", result.ExpressionAccessor.GetExpression(), message)
	}
	return nil
}
