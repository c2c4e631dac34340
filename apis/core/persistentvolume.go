package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func persistentVolumes() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "persistentvolumes",
		Singular:   "persistentvolume",
		Kind:       "PersistentVolume",
		ShortNames: []string{"pv"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.PersistentVolume],
			NewList: resource.NewList[corev1.PersistentVolumeList],
		}},
		StoragePrefix:            "persistentvolumes",
		AllowUnconditionalUpdate: true,
	}, func(p *corev1.PersistentVolume) (*corev1.PersistentVolumeSpec, *corev1.PersistentVolumeStatus) {
		return &p.Spec, &p.Status
	}, resource.NoGeneration())
}
