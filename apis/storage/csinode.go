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
			Default: resource.Defaulter(defaultCSINode),
		}},
		Columns:        resource.Columns("Name:name", "Drivers:integer", "Age"),
		Cells:          resource.Row(csiNodeCells),
		Validate:       resource.Check(validateCSINode),
		ValidateUpdate: resource.CheckUpdate(validateCSINodeUpdate),
		StoragePrefix:  "csinodes",
	}
}

// defaultCSINode makes an empty list nil, which is how it comes back from the store.
func defaultCSINode(n *storagev1.CSINode) {
	if len(n.Spec.Drivers) == 0 {
		n.Spec.Drivers = nil
	}
}
