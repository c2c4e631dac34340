package discovery

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func endpointSlices() *resource.Resource {
	return resource.WithGeneration(&resource.Resource{
		Group:      discoveryv1.GroupName,
		Name:       "endpointslices",
		Singular:   "endpointslice",
		Kind:       "EndpointSlice",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[discoveryv1.EndpointSlice],
			NewList: resource.NewList[discoveryv1.EndpointSliceList],
			Default: resource.Defaulter(defaultEndpointSlice),
		}},
		PrepareCreate:            resource.OnCreate(prepareEndpointSlice),
		PrepareUpdate:            resource.OnUpdate(prepareEndpointSliceUpdate),
		StoragePrefix:            "endpointslices",
		AllowUnconditionalUpdate: true,
	}, func(s *discoveryv1.EndpointSlice) any {
		return []any{s.Labels, s.AddressType, s.Endpoints, s.Ports}
	})
}

func defaultEndpointSlice(s *discoveryv1.EndpointSlice) {
	for i := range s.Ports {
		if s.Ports[i].Name == nil {
			s.Ports[i].Name = ptr.To("")
		}
		if s.Ports[i].Protocol == nil {
			s.Ports[i].Protocol = ptr.To(corev1.ProtocolTCP)
		}
	}
}

// prepareEndpointSlice drops the topology of an older version, which nobody reads.
func prepareEndpointSlice(s *discoveryv1.EndpointSlice) {
	for i := range s.Endpoints {
		s.Endpoints[i].DeprecatedTopology = nil
	}
}

func prepareEndpointSliceUpdate(s, old *discoveryv1.EndpointSlice) {
	for i := range old.Endpoints {
		if old.Endpoints[i].DeprecatedTopology != nil {
			return
		}
	}
	prepareEndpointSlice(s)
}
