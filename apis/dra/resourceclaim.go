package dra

import (
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
		}},
		StoragePrefix:            "resourceclaims",
		AllowUnconditionalUpdate: true,
	}, func(r *resourcev1.ResourceClaim) (*resourcev1.ResourceClaimSpec, *resourcev1.ResourceClaimStatus) {
		return &r.Spec, &r.Status
	}, resource.NoGeneration(), resource.KeepMeta(resource.AllMeta))
}
