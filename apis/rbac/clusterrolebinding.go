package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func clusterRoleBindings() *resource.Resource {
	return &resource.Resource{
		Group:    rbacv1.GroupName,
		Name:     "clusterrolebindings",
		Singular: "clusterrolebinding",
		Kind:     "ClusterRoleBinding",
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[rbacv1.ClusterRoleBinding],
			NewList: resource.NewList[rbacv1.ClusterRoleBindingList],
			Default: resource.Defaulter(defaultClusterRoleBinding),
		}},
		StoragePrefix:            "clusterrolebindings",
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
	}
}

func defaultClusterRoleBinding(b *rbacv1.ClusterRoleBinding) {
	defaultRoleRef(&b.RoleRef)
	defaultSubjects(b.Subjects)
}
