package volume

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Volumes is the row of PersistentVolumes.
func Volumes() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "persistentvolumes",
		Singular:   "persistentvolume",
		Kind:       "PersistentVolume",
		ShortNames: []string{"pv"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.PersistentVolume],
			NewList: resource.NewList[corev1.PersistentVolumeList],
			Default: resource.Defaulter(defaultPersistentVolume),
		}},
		PrepareCreate:            resource.OnCreate(preparePersistentVolume),
		Columns:                  persistentVolumeColumns(),
		Cells:                    resource.Row(persistentVolumeCells),
		Validate:                 resource.Check(validatePersistentVolume),
		ValidateUpdate:           resource.CheckUpdate(validatePersistentVolumeUpdate),
		Warnings:                 resource.Warn(warnPersistentVolume),
		StoragePrefix:            "persistentvolumes",
		AllowUnconditionalUpdate: true,
	}, func(p *corev1.PersistentVolume) (*corev1.PersistentVolumeSpec, *corev1.PersistentVolumeStatus) {
		return &p.Spec, &p.Status
	}, resource.NoGeneration(), resource.PrepareStatus(preparePersistentVolumeStatus))
}

func defaultPersistentVolume(v *corev1.PersistentVolume) {
	if v.Status.Phase == "" {
		v.Status.Phase = corev1.VolumePending
	}
	if v.Spec.PersistentVolumeReclaimPolicy == "" {
		v.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	}
	if v.Spec.VolumeMode == nil {
		v.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeFilesystem)
	}
	resources.RoundUp(v.Spec.Capacity)
	defaultVolumeSource(&v.Spec.PersistentVolumeSource)
}

func defaultVolumeSource(source *corev1.PersistentVolumeSource) {
	switch {
	case source.HostPath != nil:
		volumes.DefaultHostPath(source.HostPath)
	case source.AzureDisk != nil:
		volumes.DefaultAzureDisk(source.AzureDisk)
	case source.ISCSI != nil:
		resource.SetZero(&source.ISCSI.ISCSIInterface, "default")
	case source.RBD != nil:
		resource.SetZero(&source.RBD.RBDPool, "rbd")
		resource.SetZero(&source.RBD.RadosUser, "admin")
		resource.SetZero(&source.RBD.Keyring, "/etc/ceph/keyring")
	case source.ScaleIO != nil:
		resource.SetZero(&source.ScaleIO.StorageMode, "ThinProvisioned")
		resource.SetZero(&source.ScaleIO.FSType, "xfs")
	}
}

func preparePersistentVolume(v *corev1.PersistentVolume) {
	v.Status.Phase = corev1.VolumePending
	v.Status.LastPhaseTransitionTime = ptr.To(metav1.Now())
}

// preparePersistentVolumeStatus notes when the phase changed.
func preparePersistentVolumeStatus(v, old *corev1.PersistentVolume) {
	if v.Status.Phase == old.Status.Phase {
		if v.Status.LastPhaseTransitionTime == nil {
			v.Status.LastPhaseTransitionTime = old.Status.LastPhaseTransitionTime
		}
		return
	}
	if v.Status.LastPhaseTransitionTime == nil || v.Status.LastPhaseTransitionTime.Equal(old.Status.LastPhaseTransitionTime) {
		v.Status.LastPhaseTransitionTime = ptr.To(metav1.Now())
	}
}
