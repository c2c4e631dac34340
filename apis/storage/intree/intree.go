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
	if moved, _ := Moved(pv); moved != nil {
		return moved.Spec.CSI
	}
	return nil
}

// Moved is a volume of a driver in the tree as the driver describes it that has taken it over, with that driver's topology, and the name of
// the one in the tree. Nil if none has, or if it cannot be described.
func Moved(pv *corev1.PersistentVolume) (moved *corev1.PersistentVolume, plugin string) {
	lib := translation.New()
	if pv.Spec.CSI != nil || !lib.IsPVMigratable(pv) {
		return nil, ""
	}
	plugin, err := lib.GetInTreePluginNameFromSpec(pv, nil)
	if err != nil {
		return nil, ""
	}
	if moved, err = lib.TranslateInTreePVToCSI(klog.Logger{}, pv); err != nil {
		return nil, ""
	}
	return moved, plugin
}

// Inline is what a pod's own volume is to the driver that has taken over its driver in the tree: a PersistentVolume that is stored nowhere.
// Nil if none has, or if it cannot be described.
func Inline(v *corev1.Volume, namespace string) *corev1.PersistentVolume {
	lib := translation.New()
	if !lib.IsInlineMigratable(v) {
		return nil
	}
	pv, err := lib.TranslateInTreeInlineVolumeToCSI(klog.Logger{}, plain(v), namespace)
	if err != nil || pv.Spec.CSI == nil {
		return nil
	}
	if disk := v.VsphereVolume; disk != nil {
		source := &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{VsphereVolume: disk}}}
		if described := Volume(source); described != nil {
			pv.Spec.CSI.VolumeAttributes = described.VolumeAttributes
		}
	}
	return pv
}

// plain is a volume without the policy of vSphere, over which the library stumbles where it is a pod's own.
func plain(v *corev1.Volume) *corev1.Volume {
	if v.VsphereVolume == nil || v.VsphereVolume.StoragePolicyName == "" {
		return v
	}
	v = v.DeepCopy()
	v.VsphereVolume.StoragePolicyName = ""
	return v
}
