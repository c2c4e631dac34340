package rbac

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	rbacvalidation "k8s.io/component-helpers/auth/rbac/validation"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Escalation refuses roles and bindings that grant more than their writer has. It is part of the chain of
// every server that authorizes by RBAC, and cannot be switched off.
//
// Who may "escalate" a role, or "bind" one, and the group system:masters may grant anything.
type Escalation struct {
	RBAC *Authorizer
	// Authorizer is the server's whole one, asked for the verbs escalate and bind.
	Authorizer authorizer.Authorizer
}

var _ admission.Validator = &Escalation{}

// Validate implements admission.Validator.
func (e *Escalation) Validate(ctx context.Context, a *admission.Attributes) error {
	if a.Operation != admission.Create && a.Operation != admission.Update || a.Resource.Group != rbacv1.GroupName {
		return nil
	}
	if a.User == nil || slices.Contains(a.User.GetGroups(), user.SystemPrivilegedGroup) {
		return nil
	}
	switch obj := a.Object.(type) {
	case *rbacv1.Role:
		old, _ := a.Old.(*rbacv1.Role)
		if old != nil && equality.Semantic.DeepEqual(old.Rules, obj.Rules) {
			return nil
		}
		return e.role(ctx, a, obj.Rules, obj.Name)
	case *rbacv1.ClusterRole:
		return e.clusterRole(ctx, a, obj)
	case *rbacv1.RoleBinding:
		old, _ := a.Old.(*rbacv1.RoleBinding)
		if old != nil && old.RoleRef == obj.RoleRef && equality.Semantic.DeepEqual(old.Subjects, obj.Subjects) {
			return nil
		}
		return e.binding(ctx, a, obj.RoleRef, obj.Name)
	case *rbacv1.ClusterRoleBinding:
		old, _ := a.Old.(*rbacv1.ClusterRoleBinding)
		if old != nil && old.RoleRef == obj.RoleRef && equality.Semantic.DeepEqual(old.Subjects, obj.Subjects) {
			return nil
		}
		return e.binding(ctx, a, obj.RoleRef, obj.Name)
	}
	return nil
}

func (e *Escalation) clusterRole(ctx context.Context, a *admission.Attributes, role *rbacv1.ClusterRole) error {
	old, _ := a.Old.(*rbacv1.ClusterRole)
	if old != nil && equality.Semantic.DeepEqual(old.Rules, role.Rules) && equality.Semantic.DeepEqual(old.AggregationRule, role.AggregationRule) {
		return nil
	}
	aggregates := role.AggregationRule != nil && len(role.AggregationRule.ClusterRoleSelectors) > 0
	aggregated := old != nil && old.AggregationRule != nil && len(old.AggregationRule.ClusterRoleSelectors) > 0
	if !aggregates && !aggregated {
		return e.role(ctx, a, role.Rules, role.Name)
	}
	if e.allowed(ctx, a, "escalate", "", a.Resource.Name, role.Name) {
		return nil
	}
	// What will be aggregated is not known, so it must be allowed to grant everything.
	all := []string{"*"}
	everything := []rbacv1.PolicyRule{
		{Verbs: all, APIGroups: all, Resources: all}, {Verbs: all, NonResourceURLs: all},
	}
	held, _ := e.RBAC.Rules(a.User, "")
	if covered, _ := rbacvalidation.Covers(held, everything); !covered {
		return apierrors.NewForbidden(a.GroupResource(), role.Name, errors.New("must have cluster-admin privileges to use the aggregationRule"))
	}
	return nil
}

func (e *Escalation) role(ctx context.Context, a *admission.Attributes, rules []rbacv1.PolicyRule, name string) error {
	if e.allowed(ctx, a, "escalate", a.Namespace, a.Resource.Name, name) {
		return nil
	}
	return e.covered(a, rules, name)
}

func (e *Escalation) binding(ctx context.Context, a *admission.Attributes, ref rbacv1.RoleRef, name string) error {
	bound := clusterRoles.Resource
	if ref.Kind == "Role" {
		bound = roles.Resource
	}
	if e.allowed(ctx, a, "bind", a.Namespace, bound, ref.Name) {
		return nil
	}
	rules, err := e.RBAC.roleRules(ref, a.Namespace)
	if apierrors.IsNotFound(err) {
		return apierrors.NewNotFound(a.GroupResource(), ref.Name)
	}
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	return e.covered(a, rules, name)
}

func (e *Escalation) allowed(ctx context.Context, a *admission.Attributes, verb, namespace, of, name string) bool {
	decision, _, err := e.Authorizer.Authorize(ctx, authorizer.AttributesRecord{
		User: a.User, Verb: verb, APIGroup: rbacv1.GroupName, APIVersion: "*", Resource: of, Name: name, Namespace: namespace, ResourceRequest: true,
	})
	return err == nil && decision == authorizer.DecisionAllow
}

// covered refuses rules that the user's own do not cover.
func (e *Escalation) covered(a *admission.Attributes, rules []rbacv1.PolicyRule, name string) error {
	held, resolution := e.RBAC.Rules(a.User, a.Namespace)
	ok, missing := rbacvalidation.Covers(held, rules)
	if ok {
		return nil
	}
	lines := describeRules(missing)
	message := fmt.Sprintf("user %q (groups=%q) is attempting to grant RBAC permissions not currently held:\n%s",
		a.User.GetName(), a.User.GetGroups(), strings.Join(lines, "\n"))
	if resolution != nil {
		message += fmt.Sprintf("; resolution errors: %v", resolution)
	}
	return apierrors.NewForbidden(a.GroupResource(), name, errors.New(message))
}

// describeRules writes rules of one verb and one resource each, those that differ only in the verb as one.
func describeRules(rules []rbacv1.PolicyRule) []string {
	verbs := map[string][]string{}
	var order []string
	for i := range rules {
		target := describeTarget(&rules[i])
		if _, seen := verbs[target]; !seen {
			order = append(order, target)
		}
		verbs[target] = append(verbs[target], rules[i].Verbs...)
	}
	var lines []string
	for _, target := range order {
		lines = append(lines, fmt.Sprintf("{%s, Verbs:%q}", target, verbs[target]))
	}
	slices.Sort(lines)
	return lines
}

func describeTarget(rule *rbacv1.PolicyRule) string {
	var parts []string
	for _, part := range []struct {
		name   string
		values []string
	}{
		{"APIGroups", rule.APIGroups}, {"Resources", rule.Resources}, {"ResourceNames", rule.ResourceNames}, {"NonResourceURLs", rule.NonResourceURLs},
	} {
		if len(part.values) > 0 {
			parts = append(parts, fmt.Sprintf("%s:%q", part.name, part.values))
		}
	}
	return strings.Join(parts, ", ")
}
