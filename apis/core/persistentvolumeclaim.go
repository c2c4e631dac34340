package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func persistentVolumeClaims() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "persistentvolumeclaims",
		Singular:   "persistentvolumeclaim",
		Kind:       "PersistentVolumeClaim",
		ShortNames: []string{"pvc"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.PersistentVolumeClaim],
			NewList: resource.NewList[corev1.PersistentVolumeClaimList],
		}},
		StoragePrefix:            "persistentvolumeclaims",
		AllowUnconditionalUpdate: true,
	}, func(p *corev1.PersistentVolumeClaim) (*corev1.PersistentVolumeClaimSpec, *corev1.PersistentVolumeClaimStatus) {
		return &p.Spec, &p.Status
	}, resource.NoGeneration())
}
