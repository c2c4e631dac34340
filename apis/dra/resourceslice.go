package dra

import (
	"context"
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
		Columns:          resource.Columns("Name:name", "Node", "Driver", "Pool", "Age"),
		Cells:            resource.Row(resourceSliceCells),
		UnknownField:     "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: %s",
		NoNamespaceField: true,
		FieldNames:       []string{"spec.nodeName", "spec.driver"},
		Fields:           resource.Select(resourceSliceFields),
		Validate:         resource.Check(validateResourceSlice),
		ValidateUpdate:   resource.CheckUpdate(validateResourceSliceUpdate),
		PrepareCreate:    func(_ context.Context, obj resource.Object) { stampTaints(obj.(*resourcev1.ResourceSlice), time.Now()) },
		PrepareUpdate: func(_ context.Context, obj, _ resource.Object) {
			stampTaints(obj.(*resourcev1.ResourceSlice), time.Now())
		},
		StoragePrefix:            "resourceslices",
		AllowUnconditionalUpdate: true,
	}, func(r *resourcev1.ResourceSlice) any { return &r.Spec })
}

// stampTaints says of devices since when they are tainted, where nobody has.
func stampTaints(s *resourcev1.ResourceSlice, now time.Time) {
	for i := range s.Spec.Devices {
		for j := range s.Spec.Devices[i].Taints {
			if taint := &s.Spec.Devices[i].Taints[j]; taint.TimeAdded == nil {
				taint.TimeAdded = &metav1.Time{Time: now.Truncate(time.Second)}
			}
		}
	}
}

func resourceSliceCells(s *resourcev1.ResourceSlice, now time.Time) []any {
	return []any{s.Name, ptr.Deref(s.Spec.NodeName, ""), s.Spec.Driver, s.Spec.Pool.Name, resource.AgeOf(s, now)}
}

func resourceSliceFields(s *resourcev1.ResourceSlice) fields.Set {
	return fields.Set{"spec.nodeName": ptr.Deref(s.Spec.NodeName, ""), "spec.driver": s.Spec.Driver}
}
