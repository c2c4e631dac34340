package dra

import (
	resourcev1 "k8s.io/api/resource/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func resourceSlices() *resource.Resource {
	return resource.WithGeneration(&resource.Resource{
		Group:    resourcev1.GroupName,
		Name:     "resourceslices",
		Singular: "resourceslice",
		Kind:     "ResourceSlice",
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[resourcev1.ResourceSlice],
			NewList: resource.NewList[resourcev1.ResourceSliceList],
		}},
		StoragePrefix:            "resourceslices",
		AllowUnconditionalUpdate: true,
	}, func(r *resourcev1.ResourceSlice) any { return &r.Spec })
}
