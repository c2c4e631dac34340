package core

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func pods() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "pods",
		Singular:   "pod",
		Kind:       "Pod",
		ShortNames: []string{"po"},
		Categories: []string{"all"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.Pod],
			NewList: resource.NewList[corev1.PodList],
			Default: resource.Defaulter(podspec.DefaultPod),
		}},
		PrepareCreate:            resource.OnCreate(preparePod),
		Columns:                  podColumns(),
		Cells:                    resource.Row(podCells),
		RowConditions:            resource.RowConditions(podRowConditions),
		FieldNames:               podFieldNames(),
		Fields:                   resource.Select(podFields),
		GracePeriod:              podGracePeriod,
		Validate:                 resource.Check(validatePod),
		ValidateUpdate:           resource.CheckUpdate(validatePodUpdate),
		Warnings:                 resource.Warn(warnPod),
		StoragePrefix:            "pods",
		AllowUnconditionalUpdate: true,
		Subresources:             podSubresources(),
	}, func(p *corev1.Pod) (*corev1.PodSpec, *corev1.PodStatus) {
		return &p.Spec, &p.Status
	}, resource.CheckStatus(validatePodStatus), resource.KeepMeta(resource.OwnerReferences, resource.DeletionTimestamp))
}
