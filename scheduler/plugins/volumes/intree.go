package volumes

import (
	"cmp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	translation "k8s.io/csi-translation-lib"
	"k8s.io/klog/v2"
)

// Source is what a storage driver knows a volume by; of a driver in the tree, the driver that has taken it over. Nil if there is none.
func Source(v *corev1.PersistentVolume) *corev1.CSIPersistentVolumeSource {
	if moved, _ := Moved(v); moved != nil {
		return moved.Spec.CSI
	}
	return v.Spec.CSI
}

// Moved is a volume of a driver in the tree as the driver describes it that has taken it over, with that driver's topology, and the name of
// the one in the tree. Nil if none has.
func Moved(v *corev1.PersistentVolume) (moved *corev1.PersistentVolume, plugin string) {
	lib := translation.New()
	if v.Spec.CSI != nil || !lib.IsPVMigratable(v) {
		return nil, ""
	}
	plugin, err := lib.GetInTreePluginNameFromSpec(v, nil)
	if err != nil {
		return nil, ""
	}
	if moved, err = lib.TranslateInTreePVToCSI(klog.Logger{}, v); err != nil {
		return nil, ""
	}
	return moved, plugin
}

// Inline is what the driver knows a pod's own volume by that has taken over its driver in the tree. Nil if none has.
func Inline(v *corev1.Volume, namespace string) *corev1.CSIPersistentVolumeSource {
	lib := translation.New()
	if !lib.IsInlineMigratable(v) {
		return nil
	}
	if disk := v.VsphereVolume; disk != nil { // its policy makes the library stumble, and is no part of what it is known by
		v = &corev1.Volume{Name: v.Name, VolumeSource: corev1.VolumeSource{VsphereVolume: &corev1.VsphereVirtualDiskVolumeSource{VolumePath: disk.VolumePath}}}
	}
	pv, err := lib.TranslateInTreeInlineVolumeToCSI(klog.Logger{}, v, namespace)
	if err != nil {
		return nil
	}
	return pv.Spec.CSI
}

// HasMoved says whether the kubelet of a node leaves the volumes of a driver in the tree to the one that has taken it over.
func HasMoved(node *storagev1.CSINode, plugin string) bool {
	return slices.Contains(strings.Split(node.Annotations[corev1.MigratedPluginsAnnotationKey], ","), plugin)
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
