package clusterroleaggregation

import (
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/coxswain-k8s/coxswain/controllers/fuzzing"
)

// Nothing that is stored makes the controller fall over.
func TestAnyObject(t *testing.T) {
	fuzzing.Rounds(t, func(fill *fuzzing.Source) {
		role := &rbacv1.ClusterRole{}
		fill.Fill(role)
		if role.AggregationRule == nil {
			role.AggregationRule = &rbacv1.AggregationRule{}
		}
		var others []rbacv1.ClusterRole
		for _, other := range fuzzing.List[rbacv1.ClusterRole](fill, 3) {
			others = append(others, *other)
		}
		aggregate(role, others)
	})
}
