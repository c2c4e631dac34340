// Package storagemigration describes the resources of its API group, which is served only when it is asked for: one file per resource,
// listed by Resources. It reads and writes nothing; see package resource for what a row means.
package storagemigration

import "github.com/coxswain-k8s/coxswain/apis/resource"

// Resources lists the rows of the group.
func Resources() []*resource.Resource {
	return []*resource.Resource{storageVersionMigrations()}
}
