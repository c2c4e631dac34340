package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func secrets() *resource.Resource {
	return &resource.Resource{
		Name:       "secrets",
		Singular:   "secret",
		Kind:       "Secret",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.Secret],
			NewList: resource.NewList[corev1.SecretList],
		}},
		StoragePrefix:            "secrets",
		AllowUnconditionalUpdate: true,
	}
}
