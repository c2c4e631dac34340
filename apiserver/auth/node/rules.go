package node

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/rbac"
)

// rules that hold for every node, whatever runs on it. What a node writes there is looked at again by the
// admission plugin NodeRestriction.
func rules() []rbacv1.PolicyRule {
	rule := func(group string, resources, verbs []string) rbacv1.PolicyRule {
		return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: resources, Verbs: verbs}
	}
	read := []string{"get", "list", "watch"}
	return []rbacv1.PolicyRule{
		rule("authentication.k8s.io", []string{"tokenreviews"}, []string{"create"}),
		rule("authorization.k8s.io", []string{"subjectaccessreviews", "localsubjectaccessreviews"}, []string{"create"}),
		rule("", []string{"services"}, read),
		rule("", []string{"endpoints"}, []string{"get"}),
		rule("", []string{"nodes"}, []string{"create", "patch", "update"}),
		rule("", []string{"nodes/status"}, []string{"patch", "update"}),
		rule("", []string{"events"}, []string{"create", "patch", "update"}),
		rule("events.k8s.io", []string{"events"}, []string{"create", "patch", "update"}),
		rule("", []string{"pods"}, []string{"create", "delete"}),
		rule("", []string{"pods/status"}, []string{"patch", "update"}),
		rule("", []string{"pods/eviction"}, []string{"create"}),
		rule("certificates.k8s.io", []string{"certificatesigningrequests"}, []string{"create", "get", "list", "watch"}),
		rule("storage.k8s.io", []string{"csidrivers"}, read),
		rule("node.k8s.io", []string{"runtimeclasses"}, read),
	}
}

// byRules decides what is the same for all nodes.
func (n *Authorizer) byRules(a authorizer.Attributes) authorizer.Decision {
	for i := range n.rules {
		if rbac.Allows(&n.rules[i], a) {
			return authorizer.DecisionAllow
		}
	}
	return authorizer.DecisionNoOpinion
}
