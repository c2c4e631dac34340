package rbac

import (
	"context"
	"errors"
	"fmt"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
)

// Authorizer allows what a rule of a role that is bound to the user allows.
type Authorizer struct {
	lister auth.Lister
	index  index
}

var (
	_ authorizer.Authorizer   = &Authorizer{}
	_ authorizer.RuleResolver = &Authorizer{}
)

// New returns an authorizer over the roles and bindings that the lister has.
func New(lister auth.Lister) *Authorizer {
	return &Authorizer{lister: lister, index: index{lister: lister}}
}

// Authorize implements authorizer.Authorizer. The reason names the binding that allowed the request, or
// what stood in the way of finding out.
func (r *Authorizer) Authorize(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
	reason := ""
	errs := r.visit(a.GetUser(), a.GetNamespace(), func(why func() string, rule *rbacv1.PolicyRule) bool {
		if Allows(rule, a) {
			reason = "RBAC: allowed by " + why()
			return false
		}
		return true
	})
	if reason != "" {
		return authorizer.DecisionAllow, reason, nil
	}
	if len(errs) > 0 {
		reason = fmt.Sprintf("RBAC: %v", utilerrors.NewAggregate(errs))
	}
	return authorizer.DecisionNoOpinion, reason, nil
}

// Rules returns all rules that apply to the user, cluster-wide and in the namespace. An error says that there
// are bindings whose roles could not be found; the rules beside it are valid.
func (r *Authorizer) Rules(u user.Info, namespace string) ([]rbacv1.PolicyRule, error) {
	var rules []rbacv1.PolicyRule
	errs := r.visit(u, namespace, func(_ func() string, rule *rbacv1.PolicyRule) bool {
		rules = append(rules, *rule)
		return true
	})
	return rules, utilerrors.NewAggregate(errs)
}

// RulesFor implements authorizer.RuleResolver.
func (r *Authorizer) RulesFor(_ context.Context, u user.Info, namespace string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	rules, err := r.Rules(u, namespace)
	var resources []authorizer.ResourceRuleInfo
	var paths []authorizer.NonResourceRuleInfo
	for _, rule := range rules {
		if len(rule.Resources) > 0 {
			resources = append(resources, &authorizer.DefaultResourceRuleInfo{
				Verbs: rule.Verbs, APIGroups: rule.APIGroups, Resources: rule.Resources, ResourceNames: rule.ResourceNames,
			})
		}
		if len(rule.NonResourceURLs) > 0 {
			paths = append(paths, &authorizer.DefaultNonResourceRuleInfo{Verbs: rule.Verbs, NonResourceURLs: rule.NonResourceURLs})
		}
	}
	return resources, paths, false, err
}

// visit calls yield with each rule that applies to u until it returns false, and returns the errors met.
func (r *Authorizer) visit(u user.Info, namespace string, yield func(why func() string, rule *rbacv1.PolicyRule) bool) []error {
	if u == nil {
		return []error{errors.New("no user on request")}
	}
	var errs []error
	more := r.index.grants(u, func(g grant) bool {
		return r.each(g.role, "", &errs, func(rule *rbacv1.PolicyRule) bool {
			return yield(func() string { return clusterReason(g) }, rule)
		})
	})
	if !more || namespace == "" {
		return errs
	}
	r.lister.Each(roleBindings, namespace, func(obj resource.Object) bool {
		binding, ok := obj.(*rbacv1.RoleBinding)
		if !ok {
			return true
		}
		subject := firstSubject(binding, u)
		return subject == nil || r.each(binding.RoleRef, namespace, &errs, func(rule *rbacv1.PolicyRule) bool {
			return yield(func() string { return namespacedReason(binding, subject) }, rule)
		})
	})
	return errs
}

// each calls yield with the rules of a role until it returns false.
func (r *Authorizer) each(ref rbacv1.RoleRef, namespace string, errs *[]error, yield func(*rbacv1.PolicyRule) bool) bool {
	rules, err := r.roleRules(ref, namespace)
	if err != nil {
		*errs = append(*errs, err)
	}
	for i := range rules {
		if !yield(&rules[i]) {
			return false
		}
	}
	return true
}

// roleRules returns the rules of the role that a binding in the namespace ("" for a cluster role binding)
// refers to.
func (r *Authorizer) roleRules(ref rbacv1.RoleRef, namespace string) ([]rbacv1.PolicyRule, error) {
	switch ref.Kind {
	case "ClusterRole":
		if role, ok := auth.Get[*rbacv1.ClusterRole](r.lister, clusterRoles, "", ref.Name); ok {
			return role.Rules, nil
		}
		return nil, notFound("clusterrole", ref.Name)
	case "Role":
		if role, ok := auth.Get[*rbacv1.Role](r.lister, roles, namespace, ref.Name); ok {
			return role.Rules, nil
		}
		return nil, notFound("role", ref.Name)
	}
	return nil, fmt.Errorf("unsupported role reference kind: %q", ref.Kind)
}

func notFound(kind, name string) error {
	of := roles
	of.Resource = kind
	return apierrors.NewNotFound(of, name)
}

func firstSubject(binding *rbacv1.RoleBinding, u user.Info) *rbacv1.Subject {
	for n := range binding.Subjects {
		if applies(&binding.Subjects[n], u, binding.Namespace) {
			return &binding.Subjects[n]
		}
	}
	return nil
}

func clusterReason(g grant) string {
	return fmt.Sprintf("ClusterRoleBinding %q of %s %q to %s", g.binding, g.role.Kind, g.role.Name, describe(g.subject, ""))
}

func namespacedReason(binding *rbacv1.RoleBinding, subject *rbacv1.Subject) string {
	return fmt.Sprintf("RoleBinding %q of %s %q to %s",
		binding.Name+"/"+binding.Namespace, binding.RoleRef.Kind, binding.RoleRef.Name, describe(subject, binding.Namespace))
}

func describe(subject *rbacv1.Subject, namespace string) string {
	if subject.Kind != rbacv1.ServiceAccountKind {
		return fmt.Sprintf("%s %q", subject.Kind, subject.Name)
	}
	if subject.Namespace != "" {
		namespace = subject.Namespace
	}
	return fmt.Sprintf("%s %q", subject.Kind, subject.Name+"/"+namespace)
}
