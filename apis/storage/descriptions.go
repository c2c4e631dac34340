package storage

import (
	storagev1 "k8s.io/api/storage/v1"
)

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"csidrivers": {
			"AttachRequired":    storagev1.CSIDriverSpec{}.SwaggerDoc()["attachRequired"],
			"PodInfoOnMount":    storagev1.CSIDriverSpec{}.SwaggerDoc()["podInfoOnMount"],
			"StorageCapacity":   storagev1.CSIDriverSpec{}.SwaggerDoc()["storageCapacity"],
			"TokenRequests":     storagev1.CSIDriverSpec{}.SwaggerDoc()["tokenRequests"],
			"RequiresRepublish": storagev1.CSIDriverSpec{}.SwaggerDoc()["requiresRepublish"],
			"Modes":             storagev1.CSIDriverSpec{}.SwaggerDoc()["volumeLifecycleModes"],
		},
		"csinodes": {
			"Drivers": "Drivers indicates the number of CSI drivers registered on the node",
		},
		"storageclasses": {
			"Provisioner":          storagev1.StorageClass{}.SwaggerDoc()["provisioner"],
			"ReclaimPolicy":        storagev1.StorageClass{}.SwaggerDoc()["reclaimPolicy"],
			"VolumeBindingMode":    storagev1.StorageClass{}.SwaggerDoc()["volumeBindingMode"],
			"AllowVolumeExpansion": storagev1.StorageClass{}.SwaggerDoc()["allowVolumeExpansion"],
		},
		"volumeattachments": {
			"Attacher": storagev1.VolumeAttachmentSpec{}.SwaggerDoc()["attacher"],
			"PV":       storagev1.VolumeAttachmentSource{}.SwaggerDoc()["persistentVolumeName"],
			"Node":     storagev1.VolumeAttachmentSpec{}.SwaggerDoc()["nodeName"],
			"Attached": storagev1.VolumeAttachmentStatus{}.SwaggerDoc()["attached"],
		},
		"volumeattributesclasses": {
			"DriverName": storagev1.VolumeAttributesClass{}.SwaggerDoc()["driverName"],
		},
	}
}
