package volume

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
)

func oldClassWarnings(annotations map[string]string) []string {
	if _, ok := annotations[corev1.BetaStorageClassAnnotation]; !ok {
		return nil
	}
	return []string{field.NewPath("metadata", "annotations").Key(corev1.BetaStorageClassAnnotation).String() +
		`: deprecated since v1.8; use "storageClassName" attribute instead`}
}

func warnPersistentVolumeClaim(c, _ *corev1.PersistentVolumeClaim) []string {
	return append(oldClassWarnings(c.Annotations), volumes.ClaimWarnings(&c.Spec, field.NewPath("spec"))...)
}

func warnPersistentVolume(v, _ *corev1.PersistentVolume) []string {
	path := field.NewPath("spec")
	warnings := oldClassWarnings(v.Annotations)
	if v.Spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
		warnings = append(warnings, path.Child("persistentVolumeReclaimPolicy").String()+
			": The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.")
	}
	if affinity := v.Spec.NodeAffinity; affinity != nil && affinity.Required != nil {
		for i := range affinity.Required.NodeSelectorTerms {
			at := path.Child("nodeAffinity", "required", "nodeSelectorTerms").Index(i)
			warnings = append(warnings, podspec.NodeTermWarnings(&affinity.Required.NodeSelectorTerms[i], at)...)
		}
	}
	old := func(name, problem string) {
		warnings = append(warnings, path.Child(name).String()+": "+problem)
	}
	switch s := &v.Spec.PersistentVolumeSource; {
	case s.CephFS != nil:
		old("cephfs", "deprecated in v1.28, non-functional in v1.31+")
	case s.RBD != nil:
		old("rbd", "deprecated in v1.28, non-functional in v1.31+")
	case s.Glusterfs != nil:
		old("glusterfs", "deprecated in v1.25, non-functional in v1.26+")
	case s.PhotonPersistentDisk != nil:
		old("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+")
	case s.ScaleIO != nil:
		old("scaleIO", "deprecated in v1.16, non-functional in v1.22+")
	case s.StorageOS != nil:
		old("storageOS", "deprecated in v1.22, non-functional in v1.25+")
	}
	return warnings
}
