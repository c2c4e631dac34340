// Package dra describes the resources of resource.k8s.io (dynamic resource allocation): one file per
// resource, listed by Resources. It reads and writes nothing; see package resource for what a row means.
package dra

import "github.com/coxswain-k8s/coxswain/apis/resource"

// Resources lists the rows of the group.
func Resources() []*resource.Resource {
	return resource.Describe([]*resource.Resource{
		deviceClasses(),
		resourceClaims(),
		resourceClaimTemplates(),
		resourceSlices(),
	}, descriptions())
}
