// Package core describes the resources of the core API group ("" in authorization, /api/v1): one file
// per resource, listed by Resources, with what defaulting, validation and columns it has. Those that are about much
// have packages of their own: pod, node, service, volume, quota and event.
// It reads and writes nothing; see package resource for what a row means.
package core

import (
	"github.com/coxswain-k8s/coxswain/apis/core/event"
	"github.com/coxswain-k8s/coxswain/apis/core/node"
	"github.com/coxswain-k8s/coxswain/apis/core/pod"
	"github.com/coxswain-k8s/coxswain/apis/core/quota"
	"github.com/coxswain-k8s/coxswain/apis/core/service"
	"github.com/coxswain-k8s/coxswain/apis/core/volume"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Resources lists the rows of the group.
func Resources() []*resource.Resource {
	rows := []*resource.Resource{
		bindings(),
		componentStatuses(),
		configMaps(),
		service.Endpoints(),
		event.Row(),
		quota.LimitRanges(),
		namespaces(),
		node.Row(),
		volume.Claims(),
		volume.Volumes(),
		pod.Row(),
		podTemplates(),
		replicationControllers(),
		quota.Quotas(),
		secrets(),
		serviceAccounts(),
		service.Row(),
	}
	return resource.Describe(resource.Describe(rows, descriptions()), moreDescriptions())
}
