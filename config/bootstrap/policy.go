package bootstrap

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

//go:embed policy.txt
var policyTable string

const (
	aggregateTo   = "rbac.authorization.k8s.io/aggregate-to-"
	bootstrapping = "kubernetes.io/bootstrapping"
)

// Policy is who may do what from the start.
type Policy struct {
	ClusterRoles        []*rbacv1.ClusterRole
	ClusterRoleBindings []*rbacv1.ClusterRoleBinding
	Roles               []*rbacv1.Role
	RoleBindings        []*rbacv1.RoleBinding
}

// NewPolicy returns the bootstrap policy. Roles that aggregate others have their rules filled in.
func NewPolicy() (*Policy, error) {
	blocks, err := parse(policyTable)
	if err != nil {
		return nil, err
	}
	p := &Policy{}
	for i := range blocks {
		p.add(&blocks[i])
	}
	for _, role := range p.ClusterRoles {
		role.Rules = p.aggregated(role)
	}
	return p, nil
}

// Objects returns roles before bindings.
func (p *Policy) Objects() []resource.Object {
	var all []resource.Object
	for _, obj := range p.ClusterRoles {
		all = append(all, obj)
	}
	for _, obj := range p.ClusterRoleBindings {
		all = append(all, obj)
	}
	for _, obj := range p.Roles {
		all = append(all, obj)
	}
	for _, obj := range p.RoleBindings {
		all = append(all, obj)
	}
	return all
}

func (p *Policy) add(b *block) {
	meta := metav1.ObjectMeta{
		Name: b.name, Namespace: b.namespace,
		Labels:      map[string]string{bootstrapping: "rbac-defaults"},
		Annotations: map[string]string{rbacv1.AutoUpdateAnnotationKey: "true"},
	}
	bindingMeta := *meta.DeepCopy()
	if b.bindingName != "" {
		bindingMeta.Name = b.bindingName
	}
	if b.to != "" {
		meta.Labels[aggregateTo+b.to] = "true"
	}
	if b.namespace != "" {
		p.Roles = append(p.Roles, &rbacv1.Role{TypeMeta: kind("Role"), ObjectMeta: meta, Rules: b.rules})
		if b.bound {
			p.RoleBindings = append(p.RoleBindings, &rbacv1.RoleBinding{
				TypeMeta: kind("RoleBinding"), ObjectMeta: bindingMeta, RoleRef: ref("Role", b.name), Subjects: b.subjects,
			})
		}
		return
	}
	role := &rbacv1.ClusterRole{TypeMeta: kind("ClusterRole"), ObjectMeta: meta, Rules: b.rules}
	if b.from != "" {
		role.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{
			{MatchLabels: map[string]string{aggregateTo + b.from: "true"}},
		}}
	}
	p.ClusterRoles = append(p.ClusterRoles, role)
	if b.bound {
		p.ClusterRoleBindings = append(p.ClusterRoleBindings, &rbacv1.ClusterRoleBinding{
			TypeMeta: kind("ClusterRoleBinding"), ObjectMeta: bindingMeta, RoleRef: ref("ClusterRole", b.name), Subjects: b.subjects,
		})
	}
}

// aggregated returns the role's rules, or those of all roles that its aggregation rule selects, in order of
// their names and each once.
func (p *Policy) aggregated(role *rbacv1.ClusterRole) []rbacv1.PolicyRule {
	if role.AggregationRule == nil {
		return role.Rules
	}
	var parts []*rbacv1.ClusterRole
	for _, other := range p.ClusterRoles {
		for label := range role.AggregationRule.ClusterRoleSelectors[0].MatchLabels {
			if other.Labels[label] == "true" && other != role {
				parts = append(parts, other)
			}
		}
	}
	slices.SortFunc(parts, func(a, b *rbacv1.ClusterRole) int { return strings.Compare(a.Name, b.Name) })
	var rules []rbacv1.PolicyRule
	seen := map[string]bool{}
	for _, part := range parts {
		for _, rule := range p.aggregated(part) {
			if text := fmt.Sprint(rule); !seen[text] {
				seen[text] = true
				rules = append(rules, rule)
			}
		}
	}
	return rules
}

func kind(name string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: name}
}

func ref(kind, name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
}
