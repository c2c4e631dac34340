package discovery

import (
	"strconv"
	"time"

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
		Columns:                  resource.Columns("Name:name", "AddressType", "Ports", "Endpoints", "Age"),
		Cells:                    resource.Row(endpointSliceCells),
		Validate:                 resource.Check(validateEndpointSlice),
		ValidateUpdate:           resource.CheckUpdate(validateEndpointSliceUpdate),
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

func endpointSliceCells(s *discoveryv1.EndpointSlice, now time.Time) []any {
	const shown = 3
	var ports, addresses []string
	for _, p := range s.Ports {
		if p.Port != nil {
			ports = append(ports, strconv.Itoa(int(*p.Port)))
		}
	}
	for _, e := range s.Endpoints {
		addresses = append(addresses, e.Addresses...)
	}
	return []any{s.Name, string(s.AddressType), resource.FirstOf(ports, shown, resource.Unset), resource.FirstOf(addresses, shown, resource.Unset), resource.AgeOf(s, now)}
}
