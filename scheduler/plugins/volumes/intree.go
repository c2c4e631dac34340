package volumes

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	translation "k8s.io/csi-translation-lib"
	"k8s.io/klog/v2"
)

// Source is what a storage driver knows a volume by; of a driver in the tree, the driver that has taken it over. Nil if there is none.
func Source(v *corev1.PersistentVolume) *corev1.CSIPersistentVolumeSource {
	lib := translation.New()
	if v.Spec.CSI != nil || !lib.IsPVMigratable(v) {
		return v.Spec.CSI
	}
	translated, err := lib.TranslateInTreePVToCSI(klog.Logger{}, v)
	if err != nil {
		return nil
	}
	return translated.Spec.CSI
}

// Driver is the storage driver behind the provisioner of a class: itself, or who has taken it over.
func Driver(provisioner string) string {
	lib := translation.New()
	if !lib.IsMigratableIntreePluginByName(provisioner) {
		return provisioner
	}
	name, err := lib.GetCSINameFromInTreeName(provisioner)
	if err != nil {
		return provisioner
	}
	return cmp.Or(name, provisioner)
}
