// Package apiregistration describes the resources of its API group: one file per resource, listed by Resources.
// It reads and writes nothing; see package resource for what a row means.
package apiregistration

import "github.com/coxswain-k8s/coxswain/apis/resource"

// Resources lists the rows of the group.
func Resources() []*resource.Resource {
	return resource.Describe([]*resource.Resource{
		apiServices(),
	}, map[string]map[string]string{"apiservices": {
		"Service": "The reference to the service that hosts this API endpoint.", "Available": "Whether this service is available.",
	}})
}
