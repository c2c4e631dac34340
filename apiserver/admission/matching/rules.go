package matching

import (
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Rule is a rule of a webhook (without names) or of a policy.
type Rule = admissionregistrationv1.NamedRuleWithOperations

// WebhookRules are the rules of a webhook, as those of a policy.
func WebhookRules(rules []admissionregistrationv1.RuleWithOperations) []Rule {
	out := make([]Rule, 0, len(rules))
	for _, rule := range rules {
		out = append(out, Rule{RuleWithOperations: rule})
	}
	return out
}

// asked is a write seen as one of the resources that it is equivalent to.
type asked struct {
	resource    schema.GroupVersionResource
	subresource string
	namespaced  bool
	name        string
	operation   admission.Operation
}

func (q *asked) matchesAny(rules []Rule) bool {
	return slices.ContainsFunc(rules, func(rule Rule) bool { return q.matches(&rule) })
}

func (q *asked) matches(rule *Rule) bool {
	return q.inScope(rule.Scope) && q.isOperation(rule.Operations) &&
		has(rule.APIGroups, q.resource.Group) && has(rule.APIVersions, q.resource.Version) &&
		slices.ContainsFunc(rule.Resources, q.isResource) &&
		(len(rule.ResourceNames) == 0 || slices.Contains(rule.ResourceNames, q.name))
}

func (q *asked) inScope(scope *admissionregistrationv1.ScopeType) bool {
	if scope == nil {
		return true
	}
	switch *scope {
	case admissionregistrationv1.NamespacedScope:
		return q.namespaced
	case admissionregistrationv1.ClusterScope:
		return !q.namespaced
	}
	return true
}

func (q *asked) isOperation(operations []admissionregistrationv1.OperationType) bool {
	return slices.ContainsFunc(operations, func(operation admissionregistrationv1.OperationType) bool {
		return operation == admissionregistrationv1.OperationAll || string(operation) == string(q.operation)
	})
}

// isResource compares with "pods", "pods/status", "pods/*", "*/scale", "*" and "*/*".
func (q *asked) isResource(pattern string) bool {
	resource, subresource, _ := strings.Cut(pattern, "/")
	return (resource == "*" || resource == q.resource.Resource) && (subresource == "*" || subresource == q.subresource)
}

func has(values []string, value string) bool {
	return slices.Contains(values, "*") || slices.Contains(values, value)
}
