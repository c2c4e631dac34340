package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func roleBindings() *resource.Resource {
	return &resource.Resource{
		Group:      rbacv1.GroupName,
		Name:       "rolebindings",
		Singular:   "rolebinding",
		Kind:       "RoleBinding",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[rbacv1.RoleBinding],
			NewList: resource.NewList[rbacv1.RoleBindingList],
		}},
		StoragePrefix:            "rolebindings",
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
	}
}
