package quota

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/coxswain-k8s/coxswain/apis/podspec/resources"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// LimitRanges is their row.
func LimitRanges() *resource.Resource {
	return &resource.Resource{
		Name:       "limitranges",
		Singular:   "limitrange",
		Kind:       "LimitRange",
		ShortNames: []string{"limits"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.LimitRange],
			NewList: resource.NewList[corev1.LimitRangeList],
			Default: resource.Defaulter(defaultLimitRange),
		}},
		Validate:                 resource.Check(validateLimitRange),
		ValidateUpdate:           resource.CheckUpdate(validateLimitRangeUpdate),
		PrepareCreate:            resource.OnCreate(nameLimitRange),
		StoragePrefix:            "limitranges",
		Governs:                  true,
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
	}
}

// nameLimitRange names those that have no name.
func nameLimitRange(l *corev1.LimitRange) {
	if l.Name == "" {
		l.Name = string(uuid.NewUUID())
	}
}

// defaultLimitRange lets the limits of containers follow from each other: the default limit is the
// maximum, the default request is the default limit, or else the minimum.
func defaultLimitRange(l *corev1.LimitRange) {
	for i := range l.Spec.Limits {
		item := &l.Spec.Limits[i]
		for _, list := range []corev1.ResourceList{item.Max, item.Min, item.Default, item.DefaultRequest, item.MaxLimitRequestRatio} {
			resources.RoundUp(list)
		}
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		item.Default = withMissing(item.Default, item.Max)
		item.DefaultRequest = withMissing(item.DefaultRequest, item.Default)
		item.DefaultRequest = withMissing(item.DefaultRequest, item.Min)
	}
}

// withMissing adds to list what other has beside it.
func withMissing(list, other corev1.ResourceList) corev1.ResourceList {
	if list == nil {
		list = corev1.ResourceList{}
	}
	for name, quantity := range other {
		if _, ok := list[name]; !ok {
			list[name] = quantity.DeepCopy()
		}
	}
	return list
}
