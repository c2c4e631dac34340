package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func volumeAttributesClasses() *resource.Resource {
	return &resource.Resource{
		Group:      storagev1.GroupName,
		Name:       "volumeattributesclasses",
		Singular:   "volumeattributesclass",
		Kind:       "VolumeAttributesClass",
		ShortNames: []string{"vac"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[storagev1.VolumeAttributesClass],
			NewList: resource.NewList[storagev1.VolumeAttributesClassList],
		}},
		Columns:                  resource.Columns("Name:name", "DriverName", "Age"),
		Cells:                    resource.Row(volumeAttributesClassCells),
		Validate:                 resource.Check(validateVolumeAttributesClass),
		ValidateUpdate:           resource.CheckUpdate(validateVolumeAttributesClassUpdate),
		StoragePrefix:            "volumeattributesclasses",
		AllowUnconditionalUpdate: true,
	}
}
