package discovery

import (
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func endpointSlices() *resource.Resource {
	return &resource.Resource{
		Group:      discoveryv1.GroupName,
		Name:       "endpointslices",
		Singular:   "endpointslice",
		Kind:       "EndpointSlice",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[discoveryv1.EndpointSlice],
			NewList: resource.NewList[discoveryv1.EndpointSliceList],
		}},
		StoragePrefix:            "endpointslices",
		AllowUnconditionalUpdate: true,
	}
}
