package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func csiDrivers() *resource.Resource {
	return &resource.Resource{
		Group:    storagev1.GroupName,
		Name:     "csidrivers",
		Singular: "csidriver",
		Kind:     "CSIDriver",
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[storagev1.CSIDriver],
			NewList: resource.NewList[storagev1.CSIDriverList],
		}},
		StoragePrefix: "csidrivers",
	}
}
