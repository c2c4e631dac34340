package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func replicaSets() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      appsv1.GroupName,
		Name:       "replicasets",
		Singular:   "replicaset",
		Kind:       "ReplicaSet",
		ShortNames: []string{"rs"},
		Categories: []string{"all"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[appsv1.ReplicaSet],
			NewList: resource.NewList[appsv1.ReplicaSetList],
			Default: resource.Defaulter(defaultReplicaSet),
		}},
		Columns:                  resource.Columns("Name:name", "Desired:integer", "Current:integer", "Ready:integer", "Age", "Containers:wide", "Images:wide", "Selector:wide"),
		Cells:                    resource.Row(replicaSetCells),
		Validate:                 resource.Check(validateReplicaSet),
		ValidateUpdate:           resource.CheckUpdate(validateReplicaSetUpdate),
		Warnings:                 resource.Warn(warnReplicaSet),
		StoragePrefix:            "replicasets",
		AllowUnconditionalUpdate: true,
		Subresources: []resource.Subresource{resource.ScaleOf(
			func(obj *appsv1.ReplicaSet) (int32, int32) {
				return ptr.Deref(obj.Spec.Replicas, 0), obj.Status.Replicas
			},
			func(obj *appsv1.ReplicaSet, n int32) { obj.Spec.Replicas = &n },
			func(obj *appsv1.ReplicaSet) string { return selectorText(obj.Spec.Selector) },
		)},
	}, func(r *appsv1.ReplicaSet) (*appsv1.ReplicaSetSpec, *appsv1.ReplicaSetStatus) {
		return &r.Spec, &r.Status
	}, resource.CheckStatus(validateReplicaSetStatus))
}

func defaultReplicaSet(r *appsv1.ReplicaSet) {
	resource.SetPtr(&r.Spec.Replicas, 1)
	podspec.DefaultTemplate(&r.Spec.Template)
}
