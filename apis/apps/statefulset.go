package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func statefulSets() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      appsv1.GroupName,
		Name:       "statefulsets",
		Singular:   "statefulset",
		Kind:       "StatefulSet",
		ShortNames: []string{"sts"},
		Categories: []string{"all"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[appsv1.StatefulSet],
			NewList: resource.NewList[appsv1.StatefulSetList],
		}},
		StoragePrefix:            "statefulsets",
		AllowUnconditionalUpdate: true,
		Subresources: []resource.Subresource{resource.ScaleOf(
			func(obj *appsv1.StatefulSet) (int32, int32) {
				return ptr.Deref(obj.Spec.Replicas, 0), obj.Status.Replicas
			},
			func(obj *appsv1.StatefulSet, n int32) { obj.Spec.Replicas = &n },
			func(obj *appsv1.StatefulSet) string { return selectorText(obj.Spec.Selector) },
		)},
	}, func(s *appsv1.StatefulSet) (*appsv1.StatefulSetSpec, *appsv1.StatefulSetStatus) {
		return &s.Spec, &s.Status
	})
}
