package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func storageClasses() *resource.Resource {
	return &resource.Resource{
		Group:      storagev1.GroupName,
		Name:       "storageclasses",
		Singular:   "storageclass",
		Kind:       "StorageClass",
		ShortNames: []string{"sc"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[storagev1.StorageClass],
			NewList: resource.NewList[storagev1.StorageClassList],
		}},
		StoragePrefix:            "storageclasses",
		AllowUnconditionalUpdate: true,
	}
}
