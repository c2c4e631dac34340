package apps

import (
	appsv1 "k8s.io/api/apps/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func daemonSets() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      appsv1.GroupName,
		Name:       "daemonsets",
		Singular:   "daemonset",
		Kind:       "DaemonSet",
		ShortNames: []string{"ds"},
		Categories: []string{"all"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[appsv1.DaemonSet],
			NewList: resource.NewList[appsv1.DaemonSetList],
		}},
		StoragePrefix:            "daemonsets",
		AllowUnconditionalUpdate: true,
	}, func(d *appsv1.DaemonSet) (*appsv1.DaemonSetSpec, *appsv1.DaemonSetStatus) {
		return &d.Spec, &d.Status
	})
}
