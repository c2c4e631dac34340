package coordination

import (
	coordinationv1 "k8s.io/api/coordination/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func leases() *resource.Resource {
	return &resource.Resource{
		Group:      coordinationv1.GroupName,
		Name:       "leases",
		Singular:   "lease",
		Kind:       "Lease",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[coordinationv1.Lease],
			NewList: resource.NewList[coordinationv1.LeaseList],
		}},
		StoragePrefix:       "leases",
		AllowCreateOnUpdate: true,
	}
}
