package rbac

import (
	"time"

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
		Columns:                  resource.Columns("Name:name", "Role", "Age", "Users:wide", "Groups:wide", "ServiceAccounts:wide"),
		Cells:                    resource.Row(clusterRoleBindingCells),
		Validate:                 resource.Check(validateClusterRoleBinding),
		ValidateUpdate:           resource.CheckUpdate(validateClusterRoleBindingUpdate),
		StoragePrefix:            "clusterrolebindings",
		Governs:                  true,
		ValidateName:             resource.PathSegmentName,
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
	}
}

func defaultClusterRoleBinding(b *rbacv1.ClusterRoleBinding) {
	defaultRoleRef(&b.RoleRef)
	defaultSubjects(b.Subjects)
}

func clusterRoleBindingCells(b *rbacv1.ClusterRoleBinding, now time.Time) []any {
	return append([]any{b.Name, b.RoleRef.Kind + "/" + b.RoleRef.Name, resource.AgeOf(b, now)}, subjectCells(b.Subjects)...)
}
