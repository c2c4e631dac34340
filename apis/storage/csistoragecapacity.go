package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func csiStorageCapacities() *resource.Resource {
	return &resource.Resource{
		Group:      storagev1.GroupName,
		Name:       "csistoragecapacities",
		Singular:   "csistoragecapacity",
		Kind:       "CSIStorageCapacity",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[storagev1.CSIStorageCapacity],
			NewList: resource.NewList[storagev1.CSIStorageCapacityList],
		}},
		Validate:       resource.Check(validateCSIStorageCapacity),
		ValidateUpdate: resource.CheckUpdate(validateCSIStorageCapacityUpdate),
		StoragePrefix:  "csistoragecapacities",
	}
}
