package dra

import (
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/utils/ptr"

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
		Columns:                  resource.Columns("Name:name", "Node", "Driver", "Pool", "Age"),
		Cells:                    resource.Row(resourceSliceCells),
		FieldNames:               []string{"spec.nodeName", "spec.driver"},
		Fields:                   resource.Select(resourceSliceFields),
		Validate:                 resource.Check(validateResourceSlice),
		ValidateUpdate:           resource.CheckUpdate(validateResourceSliceUpdate),
		StoragePrefix:            "resourceslices",
		AllowUnconditionalUpdate: true,
	}, func(r *resourcev1.ResourceSlice) any { return &r.Spec })
}

func resourceSliceCells(s *resourcev1.ResourceSlice, now time.Time) []any {
	return []any{s.Name, ptr.Deref(s.Spec.NodeName, ""), s.Spec.Driver, s.Spec.Pool.Name, resource.AgeOf(s, now)}
}

func resourceSliceFields(s *resourcev1.ResourceSlice) fields.Set {
	return fields.Set{"spec.nodeName": ptr.Deref(s.Spec.NodeName, ""), "spec.driver": s.Spec.Driver}
}
