package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func endpoints() *resource.Resource {
	return &resource.Resource{
		Name:       "endpoints",
		Singular:   "endpoints",
		Kind:       "Endpoints",
		ShortNames: []string{"ep"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:       "v1",
			New:        resource.New[corev1.Endpoints],
			NewList:    resource.NewList[corev1.EndpointsList],
			Deprecated: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
			Default:    resource.Defaulter(defaultEndpoints),
		}},
		Columns:                  resource.Columns("Name:name", "Endpoints", "Age"),
		Cells:                    resource.Row(endpointsCells),
		Validate:                 resource.Check(validateEndpoints),
		ValidateUpdate:           resource.CheckUpdate(validateEndpointsUpdate),
		Warnings:                 resource.Warn(warnEndpoints),
		StoragePrefix:            "services/endpoints",
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
	}
}

func defaultEndpoints(e *corev1.Endpoints) {
	for i := range e.Subsets {
		for j := range e.Subsets[i].Ports {
			if port := &e.Subsets[i].Ports[j]; port.Protocol == "" {
				port.Protocol = corev1.ProtocolTCP
			}
		}
	}
}
