package storage

import (
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/utils/ptr"

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
			Default: resource.Defaulter(defaultStorageClass),
		}},
		Columns:                  resource.Columns("Name:name", "Provisioner", "ReclaimPolicy", "VolumeBindingMode", "AllowVolumeExpansion", "Age"),
		Cells:                    resource.Row(storageClassCells),
		Validate:                 resource.Check(validateStorageClass),
		ValidateUpdate:           resource.CheckUpdate(validateStorageClassUpdate),
		StoragePrefix:            "storageclasses",
		Governs:                  true,
		AllowUnconditionalUpdate: true,
	}
}

func defaultStorageClass(c *storagev1.StorageClass) {
	if c.ReclaimPolicy == nil {
		c.ReclaimPolicy = ptr.To(corev1.PersistentVolumeReclaimDelete)
	}
	if c.VolumeBindingMode == nil {
		c.VolumeBindingMode = ptr.To(storagev1.VolumeBindingImmediate)
	}
}
