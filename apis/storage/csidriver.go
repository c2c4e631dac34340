package storage

import (
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"

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
			Default: resource.Defaulter(defaultCSIDriver),
		}},
		Columns:        resource.Columns("Name:name", "AttachRequired:boolean", "PodInfoOnMount:boolean", "StorageCapacity:boolean", "TokenRequests", "RequiresRepublish:boolean", "Modes", "Age"),
		Cells:          resource.Row(csiDriverCells),
		Validate:       resource.Check(validateCSIDriver),
		ValidateUpdate: resource.CheckUpdate(validateCSIDriverUpdate),
		Warnings:       resource.Warn(warnCSIDriver),
		PrepareUpdate:  resource.OnUpdate(func(d, old *storagev1.CSIDriver) { resource.BumpGeneration(d, old, &d.Spec, &old.Spec) }),
		StoragePrefix:  "csidrivers",
	}
}

func warnCSIDriver(d, old *storagev1.CSIDriver) []string {
	if old != nil && equality.Semantic.DeepEqual(d.Spec.TokenRequests, old.Spec.TokenRequests) || len(d.Spec.TokenRequests) == 0 || d.Spec.ServiceAccountTokenInSecrets != nil {
		return nil
	}
	return []string{"spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes"}
}

func defaultCSIDriver(d *storagev1.CSIDriver) {
	spec := &d.Spec
	resource.SetPtr(&spec.AttachRequired, true)
	resource.SetPtr(&spec.PodInfoOnMount, false)
	resource.SetPtr(&spec.StorageCapacity, false)
	resource.SetPtr(&spec.FSGroupPolicy, storagev1.ReadWriteOnceWithFSTypeFSGroupPolicy)
	resource.SetPtr(&spec.RequiresRepublish, false)
	resource.SetPtr(&spec.SELinuxMount, false)
	if len(spec.VolumeLifecycleModes) == 0 {
		spec.VolumeLifecycleModes = []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecyclePersistent}
	}
}
