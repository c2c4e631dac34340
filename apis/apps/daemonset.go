package apps

import (
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
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
			Default: resource.Defaulter(defaultDaemonSet),
		}},
		PrepareCreate:            resource.OnCreate(prepareDaemonSet),
		PrepareUpdate:            resource.OnUpdate(prepareDaemonSetUpdate),
		Columns:                  resource.Columns("Name:name", "Desired:integer", "Current:integer", "Ready:integer", "Up-to-date:integer", "Available:integer", "Node Selector", "Age", "Containers:wide", "Images:wide", "Selector:wide"),
		Cells:                    resource.Row(daemonSetCells),
		Validate:                 resource.Check(validateDaemonSet),
		ValidateUpdate:           resource.CheckUpdate(validateDaemonSetUpdate),
		Warnings:                 resource.Warn(warnDaemonSet),
		StoragePrefix:            "daemonsets",
		AllowUnconditionalUpdate: true,
	}, func(d *appsv1.DaemonSet) (*appsv1.DaemonSetSpec, *appsv1.DaemonSetStatus) {
		return &d.Spec, &d.Status
	}, resource.PrepareStatus(keepTemplateGeneration))
}

func defaultDaemonSet(d *appsv1.DaemonSet) {
	strategy := &d.Spec.UpdateStrategy
	if strategy.Type == "" {
		strategy.Type = appsv1.RollingUpdateDaemonSetStrategyType
	}
	if strategy.Type == appsv1.RollingUpdateDaemonSetStrategyType {
		if strategy.RollingUpdate == nil {
			strategy.RollingUpdate = &appsv1.RollingUpdateDaemonSet{}
		}
		resource.SetPtr(&strategy.RollingUpdate.MaxUnavailable, intstr.FromInt32(1))
		resource.SetPtr(&strategy.RollingUpdate.MaxSurge, intstr.FromInt32(0))
	}
	if strategy.Type != appsv1.RollingUpdateDaemonSetStrategyType && strategy.RollingUpdate != nil { // which counts for nothing
		resource.SetPtr(&strategy.RollingUpdate.MaxUnavailable, intstr.FromInt32(0))
		resource.SetPtr(&strategy.RollingUpdate.MaxSurge, intstr.FromInt32(0))
	}
	resource.SetPtr(&d.Spec.RevisionHistoryLimit, 10)
	podspec.DefaultTemplate(&d.Spec.Template)
	if _, err := strconv.ParseInt(d.Annotations[appsv1.DeprecatedTemplateGeneration], 10, 64); err != nil {
		setTemplateGeneration(d, 0) // it is the writer's: the first who writes comes to own it
	}
}

func prepareDaemonSet(d *appsv1.DaemonSet) {
	setTemplateGeneration(d, 1)
}

// prepareDaemonSetUpdate counts the changes of the template, which the oldest versions of the kind showed as a field.
func prepareDaemonSetUpdate(d, old *appsv1.DaemonSet) {
	generation := templateGeneration(old)
	if !equality.Semantic.DeepEqual(d.Spec.Template, old.Spec.Template) {
		generation++
	}
	setTemplateGeneration(d, generation)
}

// keepTemplateGeneration: it is of the specification, whatever annotations come with a status.
func keepTemplateGeneration(d, old *appsv1.DaemonSet) {
	setTemplateGeneration(d, templateGeneration(old))
}

// templateGeneration is 0 where there is none.
func templateGeneration(d *appsv1.DaemonSet) int64 {
	generation, err := strconv.ParseInt(d.Annotations[appsv1.DeprecatedTemplateGeneration], 10, 64)
	if err != nil {
		return 0
	}
	return generation
}

func setTemplateGeneration(d *appsv1.DaemonSet, generation int64) {
	if d.Annotations == nil {
		d.Annotations = map[string]string{}
	}
	d.Annotations[appsv1.DeprecatedTemplateGeneration] = strconv.FormatInt(generation, 10)
}
