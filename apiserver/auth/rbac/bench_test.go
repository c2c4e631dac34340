package rbac

import (
	"context"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
	"github.com/coxswain-k8s/coxswain/config/bootstrap"
)

func BenchmarkAuthorize(b *testing.B) {
	policy, err := bootstrap.NewPolicy()
	if err != nil {
		b.Fatal(err)
	}
	lister := authtest.New()
	for _, obj := range policy.Objects() {
		switch obj.(type) {
		case *rbacv1.ClusterRole:
			lister.Add("clusterroles.rbac.authorization.k8s.io", obj)
		case *rbacv1.ClusterRoleBinding:
			lister.Add("clusterrolebindings.rbac.authorization.k8s.io", obj)
		}
	}
	authz := New(lister)
	ask := authorizer.AttributesRecord{
		User: &user.DefaultInfo{Name: "system:kube-scheduler", Groups: []string{"system:authenticated"}},
		Verb: "list", APIGroup: "resource.k8s.io", Resource: "resourceslices", ResourceRequest: true,
	}
	b.ReportAllocs()
	for b.Loop() {
		if decision, _, _ := authz.Authorize(context.Background(), ask); decision != authorizer.DecisionAllow {
			b.Fatal("not allowed")
		}
	}
}
