package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func services() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "services",
		Singular:   "service",
		Kind:       "Service",
		ShortNames: []string{"svc"},
		Categories: []string{"all"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.Service],
			NewList: resource.NewList[corev1.ServiceList],
		}},
		StoragePrefix:            "services/specs",
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
		Subresources:             []resource.Subresource{resource.Proxy("ServiceProxyOptions")},
	}, func(s *corev1.Service) (*corev1.ServiceSpec, *corev1.ServiceStatus) {
		return &s.Spec, &s.Status
	}, resource.NoGeneration())
}
