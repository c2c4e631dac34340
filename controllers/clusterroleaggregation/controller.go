package clusterroleaggregation

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
	"github.com/coxswain-k8s/coxswain/controllers/patch"
)

// Name is the controller's name in the list of all.
const Name = "clusterroleaggregation"

// Controller reconciles aggregated roles.
type Controller struct {
	Client client.Client
	// each looks at all cluster roles.
	each func(ctx context.Context, look func(*rbacv1.ClusterRole))
}

// Reconcile sets the rules of an aggregated role.
func (c *Controller) Reconcile(ctx context.Context, role *rbacv1.ClusterRole) (reconcile.Result, error) {
	if role.AggregationRule == nil {
		return reconcile.Result{}, nil
	}
	var list rbacv1.ClusterRoleList
	if err := c.Client.List(ctx, &list, client.UnsafeDisableDeepCopy); err != nil {
		return reconcile.Result{}, fmt.Errorf("listing cluster roles: %w", err)
	}
	rules := aggregate(role, list.Items)
	if equality.Semantic.DeepEqual(rules, role.Rules) {
		return reconcile.Result{}, nil
	}
	_, _, err := patch.Object(ctx, c.Client, role, func(changed *rbacv1.ClusterRole) { changed.Rules = rules })
	return patch.Result(reconcile.Result{}, err)
}

// aggregate returns the rules of the selected roles, by name, each once.
func aggregate(role *rbacv1.ClusterRole, roles []rbacv1.ClusterRole) []rbacv1.PolicyRule {
	sorted := slices.Clone(roles)
	slices.SortFunc(sorted, func(a, b rbacv1.ClusterRole) int { return cmp.Compare(a.Name, b.Name) })
	rules := []rbacv1.PolicyRule{}
	for i := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&role.AggregationRule.ClusterRoleSelectors[i])
		if err != nil {
			continue
		}
		for j := range sorted {
			if sorted[j].Name == role.Name || !selector.Matches(labels.Set(sorted[j].Labels)) {
				continue
			}
			for _, rule := range sorted[j].Rules {
				known := func(have rbacv1.PolicyRule) bool { return equality.Semantic.DeepEqual(have, rule) }
				if !slices.ContainsFunc(rules, known) {
					rules = append(rules, *rule.DeepCopy())
				}
			}
		}
	}
	return rules
}

// aggregated lists the roles that any change of a role may concern.
func (c *Controller) aggregated(ctx context.Context, _ client.Object) []reconcile.Request {
	var requests []reconcile.Request
	c.each(ctx, func(role *rbacv1.ClusterRole) {
		if role.AggregationRule != nil {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(role)})
		}
	})
	return requests
}

// Register puts the controller on mgr. Any change of a cluster role wakes all roles that
// aggregate.
func Register(_ context.Context, mgr manager.Manager, _ kit.Deps) error {
	inNamespace := kit.InNamespace(mgr.GetCache(), &rbacv1.ClusterRole{})
	c := &Controller{Client: mgr.GetClient(), each: func(ctx context.Context, look func(*rbacv1.ClusterRole)) { inNamespace(ctx, "", look) }}
	return kit.New(mgr, Name).
		Watches(&rbacv1.ClusterRole{}, handler.EnqueueRequestsFromMapFunc(c.aggregated)).
		Complete(reconcile.AsReconciler(c.Client, c))
}
