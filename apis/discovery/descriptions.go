package discovery

import (
	discoveryv1 "k8s.io/api/discovery/v1"
)

// descriptions are those of columns.
func descriptions() map[string]map[string]string {
	return map[string]map[string]string{
		"endpointslices": {
			"AddressType": discoveryv1.EndpointSlice{}.SwaggerDoc()["addressType"],
			"Ports":       discoveryv1.EndpointSlice{}.SwaggerDoc()["ports"],
			"Endpoints":   discoveryv1.EndpointSlice{}.SwaggerDoc()["endpoints"],
		},
	}
}
