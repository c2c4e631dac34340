package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func configMaps() *resource.Resource {
	return &resource.Resource{
		Name:       "configmaps",
		Singular:   "configmap",
		Kind:       "ConfigMap",
		ShortNames: []string{"cm"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.ConfigMap],
			NewList: resource.NewList[corev1.ConfigMapList],
		}},
		Columns:                  resource.Columns("Name:name", "Data", "Age"),
		Cells:                    resource.Row(configMapCells),
		Validate:                 resource.Check(validateConfigMap),
		ValidateUpdate:           resource.CheckUpdate(validateConfigMapUpdate),
		StoragePrefix:            "configmaps",
		AllowUnconditionalUpdate: true,
	}
}
