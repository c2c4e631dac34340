package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func roles() *resource.Resource {
	return &resource.Resource{
		Group:      rbacv1.GroupName,
		Name:       "roles",
		Singular:   "role",
		Kind:       "Role",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[rbacv1.Role],
			NewList: resource.NewList[rbacv1.RoleList],
		}},
		Validate:                 resource.Check(validateRole),
		ValidateUpdate:           resource.CheckUpdate(validateRoleUpdate),
		StoragePrefix:            "roles",
		Governs:                  true,
		ValidateName:             resource.PathSegmentName,
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
	}
}
