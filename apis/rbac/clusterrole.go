package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func clusterRoles() *resource.Resource {
	return &resource.Resource{
		Group:    rbacv1.GroupName,
		Name:     "clusterroles",
		Singular: "clusterrole",
		Kind:     "ClusterRole",
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[rbacv1.ClusterRole],
			NewList: resource.NewList[rbacv1.ClusterRoleList],
		}},
		Validate:                 resource.Check(validateClusterRole),
		ValidateUpdate:           resource.CheckUpdate(validateClusterRoleUpdate),
		StoragePrefix:            "clusterroles",
		Governs:                  true,
		ValidateName:             resource.PathSegmentName,
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
	}
}
