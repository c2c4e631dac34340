package dra

import (
	"strings"
	"time"

	resourcev1 "k8s.io/api/resource/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func resourceClaims() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      resourcev1.GroupName,
		Name:       "resourceclaims",
		Singular:   "resourceclaim",
		Kind:       "ResourceClaim",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[resourcev1.ResourceClaim],
			NewList: resource.NewList[resourcev1.ResourceClaimList],
			Default: resource.Defaulter(defaultResourceClaim),
		}},
		Columns:                  resource.Columns("Name:name", "State", "Age"),
		Cells:                    resource.Row(resourceClaimCells),
		Validate:                 resource.Check(validateResourceClaim),
		ValidateUpdate:           resource.CheckUpdate(validateResourceClaimUpdate),
		StoragePrefix:            "resourceclaims",
		AllowUnconditionalUpdate: true,
	}, func(r *resourcev1.ResourceClaim) (*resourcev1.ResourceClaimSpec, *resourcev1.ResourceClaimStatus) {
		return &r.Spec, &r.Status
	}, resource.NoGeneration(), resource.KeepMeta(resource.AllMeta), resource.CheckStatus(validateResourceClaimStatus))
}

func defaultResourceClaim(c *resourcev1.ResourceClaim) {
	defaultClaimSpec(&c.Spec)
}

// defaultClaimSpec asks for one device where a request says neither how nor how many.
func defaultClaimSpec(spec *resourcev1.ResourceClaimSpec) {
	for i := range spec.Devices.Requests {
		request := &spec.Devices.Requests[i]
		if exactly := request.Exactly; exactly != nil {
			defaultRequest(&exactly.AllocationMode, &exactly.Count, exactly.Tolerations)
		}
		for j := range request.FirstAvailable {
			sub := &request.FirstAvailable[j]
			defaultRequest(&sub.AllocationMode, &sub.Count, sub.Tolerations)
		}
	}
}

func defaultRequest(mode *resourcev1.DeviceAllocationMode, count *int64, tolerations []resourcev1.DeviceToleration) {
	if *mode == "" {
		*mode = resourcev1.DeviceAllocationModeExactCount
	}
	if *mode == resourcev1.DeviceAllocationModeExactCount && *count == 0 {
		*count = 1
	}
	for i := range tolerations {
		if tolerations[i].Operator == "" {
			tolerations[i].Operator = resourcev1.DeviceTolerationOpEqual
		}
	}
}

func resourceClaimCells(c *resourcev1.ResourceClaim, now time.Time) []any {
	var states []string
	if c.DeletionTimestamp != nil {
		states = append(states, "deleted")
	}
	switch {
	case c.Status.Allocation != nil:
		states = append(states, "allocated")
	case c.DeletionTimestamp == nil:
		states = append(states, "pending")
	}
	if len(c.Status.ReservedFor) > 0 {
		states = append(states, "reserved")
	}
	return []any{c.Name, strings.Join(states, ","), resource.AgeOf(c, now)}
}
