package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func limitRanges() *resource.Resource {
	return &resource.Resource{
		Name:       "limitranges",
		Singular:   "limitrange",
		Kind:       "LimitRange",
		ShortNames: []string{"limits"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.LimitRange],
			NewList: resource.NewList[corev1.LimitRangeList],
		}},
		StoragePrefix:            "limitranges",
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
	}
}
