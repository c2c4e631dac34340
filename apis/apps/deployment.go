package apps

import (
	"context"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func deployments() *resource.Resource {
	return countAnnotations(resource.WithStatus(&resource.Resource{
		Group:      appsv1.GroupName,
		Name:       "deployments",
		Singular:   "deployment",
		Kind:       "Deployment",
		ShortNames: []string{"deploy"},
		Categories: []string{"all"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[appsv1.Deployment],
			NewList: resource.NewList[appsv1.DeploymentList],
			Default: resource.Defaulter(defaultDeployment),
		}},
		Columns:                  resource.Columns("Name:name", "Ready", "Up-to-date", "Available", "Age", "Containers:wide", "Images:wide", "Selector:wide"),
		Cells:                    resource.Row(deploymentCells),
		Validate:                 resource.Check(validateDeployment),
		ValidateUpdate:           resource.CheckUpdate(validateDeploymentUpdate),
		Warnings:                 resource.Warn(warnDeployment),
		StoragePrefix:            "deployments",
		AllowUnconditionalUpdate: true,
		Subresources: []resource.Subresource{resource.ScaleOf(
			func(obj *appsv1.Deployment) (int32, int32) {
				return ptr.Deref(obj.Spec.Replicas, 0), obj.Status.Replicas
			},
			func(obj *appsv1.Deployment, n int32) { obj.Spec.Replicas = &n },
			func(obj *appsv1.Deployment) string { return selectorText(obj.Spec.Selector) },
		)},
	}, func(d *appsv1.Deployment) (*appsv1.DeploymentSpec, *appsv1.DeploymentStatus) {
		return &d.Spec, &d.Status
	}, resource.CheckStatus(validateDeploymentStatus), resource.KeepMeta(resource.Labels)))
}

// countAnnotations makes a change of annotations one of the generation: they are copied to ReplicaSets.
func countAnnotations(row *resource.Resource) *resource.Resource {
	update := row.PrepareUpdate
	row.PrepareUpdate = func(ctx context.Context, obj, old resource.Object) {
		update(ctx, obj, old)
		if !maps.Equal(obj.GetAnnotations(), old.GetAnnotations()) {
			obj.SetGeneration(old.GetGeneration() + 1)
		}
	}
	return row
}

func defaultDeployment(d *appsv1.Deployment) {
	spec := &d.Spec
	resource.SetPtr(&spec.Replicas, 1)
	if spec.Strategy.Type == "" {
		spec.Strategy.Type = appsv1.RollingUpdateDeploymentStrategyType
	}
	if spec.Strategy.Type == appsv1.RollingUpdateDeploymentStrategyType {
		if spec.Strategy.RollingUpdate == nil {
			spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{}
		}
		resource.SetPtr(&spec.Strategy.RollingUpdate.MaxUnavailable, intstr.FromString("25%"))
		resource.SetPtr(&spec.Strategy.RollingUpdate.MaxSurge, intstr.FromString("25%"))
	}
	resource.SetPtr(&spec.RevisionHistoryLimit, 10)
	resource.SetPtr(&spec.ProgressDeadlineSeconds, 600)
	podspec.DefaultTemplate(&spec.Template)
}
