package storage

import (
	storagev1 "k8s.io/api/storage/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func volumeAttachments() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:    storagev1.GroupName,
		Name:     "volumeattachments",
		Singular: "volumeattachment",
		Kind:     "VolumeAttachment",
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[storagev1.VolumeAttachment],
			NewList: resource.NewList[storagev1.VolumeAttachmentList],
		}},
		Columns:        resource.Columns("Name:name", "Attacher:name", "PV", "Node", "Attached:boolean", "Age"),
		Cells:          resource.Row(volumeAttachmentCells),
		Validate:       resource.Check(validateVolumeAttachment),
		ValidateUpdate: resource.CheckUpdate(validateVolumeAttachmentUpdate),
		StoragePrefix:  "volumeattachments",
	}, func(v *storagev1.VolumeAttachment) (*storagev1.VolumeAttachmentSpec, *storagev1.VolumeAttachmentStatus) {
		return &v.Spec, &v.Status
	}, resource.NoGeneration(), resource.KeepMeta(resource.AllMeta), resource.CheckStatus(validateVolumeAttachmentStatus))
}
