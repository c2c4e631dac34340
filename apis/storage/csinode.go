package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func csiNodes() *resource.Resource {
	return &resource.Resource{
		Group:    storagev1.GroupName,
		Name:     "csinodes",
		Singular: "csinode",
		Kind:     "CSINode",
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[storagev1.CSINode],
			NewList: resource.NewList[storagev1.CSINodeList],
		}},
		Columns:        resource.Columns("Name:name", "Drivers:integer", "Age"),
		Cells:          resource.Row(csiNodeCells),
		Validate:       resource.Check(validateCSINode),
		ValidateUpdate: resource.CheckUpdate(validateCSINodeUpdate),
		StoragePrefix:  "csinodes",
	}
}
