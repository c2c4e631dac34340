package discovery

import (
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// What custom group versions have in place of a place of their own.
const (
	customGroupPriority   = 1000
	customVersionPriority = 100
)

// Priority of a group version in discovery: of its group among groups, and of the version within it. Custom ones come last.
func Priority(gv schema.GroupVersion) (group, version int32) {
	group, known := groupPriorities()[gv.Group]
	if !known {
		return customGroupPriority, customVersionPriority
	}
	switch gv {
	case schema.GroupVersion{Version: "v1"}:
		return group, 1
	case schema.GroupVersion{Group: "autoscaling", Version: "v2"}:
		return group, 30
	case schema.GroupVersion{Group: "flowcontrol.apiserver.k8s.io", Version: "v1"}, schema.GroupVersion{Group: "resource.k8s.io", Version: "v1"}:
		return group, 21
	case schema.GroupVersion{Group: "storagemigration.k8s.io", Version: "v1beta1"}:
		return group, 9
	}
	return group, 15
}

// groupPriorities of the groups that are known, by name.
var groupPriorities = sync.OnceValue(func() map[string]int32 {
	return map[string]int32{
		"": 18000, "apps": 17800, "events.k8s.io": 17750, "authentication.k8s.io": 17700, "authorization.k8s.io": 17600,
		"autoscaling": 17500, "batch": 17400, "certificates.k8s.io": 17300, "networking.k8s.io": 17200, "policy": 17100,
		"rbac.authorization.k8s.io": 17000, "storage.k8s.io": 16800, "apiextensions.k8s.io": 16700,
		"admissionregistration.k8s.io": 16700, "scheduling.k8s.io": 16600, "coordination.k8s.io": 16500, "node.k8s.io": 16300,
		"discovery.k8s.io": 16200, "resource.k8s.io": 16200, "flowcontrol.apiserver.k8s.io": 16100,
		"storagemigration.k8s.io": 15800, "apiregistration.k8s.io": 20000, "metrics.k8s.io": 100,
	}
})
