// Package core describes the resources of the core API group ("" in authorization, /api/v1): one file
// per resource, listed by Resources, and beside it what defaulting, validation and columns it has.
// It reads and writes nothing; see package resource for what a row means.
package core

import "github.com/coxswain-k8s/coxswain/apis/resource"

// Resources lists the rows of the group.
func Resources() []*resource.Resource {
	rows := []*resource.Resource{
		bindings(),
		componentStatuses(),
		configMaps(),
		endpoints(),
		events(),
		limitRanges(),
		namespaces(),
		nodes(),
		persistentVolumeClaims(),
		persistentVolumes(),
		pods(),
		podTemplates(),
		replicationControllers(),
		resourceQuotas(),
		secrets(),
		serviceAccounts(),
		services(),
	}
	return resource.Describe(resource.Describe(rows, descriptions()), moreDescriptions())
}
