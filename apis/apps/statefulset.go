package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/podspec/volumes"
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
			Default: resource.Defaulter(defaultStatefulSet),
		}},
		Columns:                  resource.Columns("Name:name", "Ready", "Age", "Containers:wide", "Images:wide"),
		Cells:                    resource.Row(statefulSetCells),
		Validate:                 resource.Check(validateStatefulSet),
		ValidateUpdate:           resource.CheckUpdate(validateStatefulSetUpdate),
		ValidateName:             apivalidation.NameIsDNSLabel,
		Warnings:                 resource.Warn(warnStatefulSet),
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

func defaultStatefulSet(s *appsv1.StatefulSet) {
	spec := &s.Spec
	if spec.PodManagementPolicy == "" {
		spec.PodManagementPolicy = appsv1.OrderedReadyPodManagement
	}
	if spec.UpdateStrategy.Type == "" {
		spec.UpdateStrategy.Type = appsv1.RollingUpdateStatefulSetStrategyType
		if spec.UpdateStrategy.RollingUpdate == nil {
			spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateStatefulSetStrategy{}
		}
	}
	if rolling := spec.UpdateStrategy.RollingUpdate; rolling != nil && spec.UpdateStrategy.Type == appsv1.RollingUpdateStatefulSetStrategyType {
		resource.SetPtr(&rolling.Partition, 0)
	}
	if spec.PersistentVolumeClaimRetentionPolicy == nil {
		spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{}
	}
	retention := spec.PersistentVolumeClaimRetentionPolicy
	if retention.WhenDeleted == "" {
		retention.WhenDeleted = appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	}
	if retention.WhenScaled == "" {
		retention.WhenScaled = appsv1.RetainPersistentVolumeClaimRetentionPolicyType
	}
	resource.SetPtr(&spec.Replicas, 1)
	resource.SetPtr(&spec.RevisionHistoryLimit, 10)
	podspec.DefaultTemplate(&spec.Template)
	for i := range spec.VolumeClaimTemplates {
		defaultClaim(&spec.VolumeClaimTemplates[i])
	}
}

// defaultClaim fills in a claim within a stateful set, which is stored with its own kind.
func defaultClaim(c *corev1.PersistentVolumeClaim) {
	c.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"))
	if c.Status.Phase == "" {
		c.Status.Phase = corev1.ClaimPending
	}
	volumes.DefaultClaimSpec(&c.Spec)
}
