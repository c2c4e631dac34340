package intree

import (
	corev1 "k8s.io/api/core/v1"
	translation "k8s.io/csi-translation-lib"
	"k8s.io/klog/v2"
)

// Driver is the name of the storage driver that has taken over a driver in the tree; "" if none has.
func Driver(plugin string) string {
	lib := translation.New()
	if !lib.IsMigratableIntreePluginByName(plugin) {
		return ""
	}
	name, err := lib.GetCSINameFromInTreeName(plugin)
	if err != nil {
		return ""
	}
	return name
}

// Volume is what a driver knows a volume by: the volume's own description, or that by which the driver that has taken it over knows it. Nil
// if it is of no driver, or cannot be described.
func Volume(pv *corev1.PersistentVolume) *corev1.CSIPersistentVolumeSource {
	if pv.Spec.CSI != nil {
		return pv.Spec.CSI
	}
	lib := translation.New()
	if !lib.IsPVMigratable(pv) {
		return nil
	}
	translated, err := lib.TranslateInTreePVToCSI(klog.Logger{}, pv)
	if err != nil {
		return nil
	}
	return translated.Spec.CSI
}
