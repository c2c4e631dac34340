// Package events describes the resources of events.k8s.io: the same stored objects as core's events,
// under newer field names. It reads and writes nothing; see package resource for what a row means.
package events

import "github.com/coxswain-k8s/coxswain/apis/resource"

// Resources lists the rows of the group; stored is the row of core's events.
func Resources(stored *resource.Resource) []*resource.Resource {
	return []*resource.Resource{
		events(stored),
	}
}
