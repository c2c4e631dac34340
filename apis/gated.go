package apis

import (
	"context"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/coxswain-k8s/coxswain/apis/podspec/gated"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// podSpecOf is the specification of the pods that an object is, or makes; nil for one that makes none.
func podSpecOf(obj resource.Object) *corev1.PodSpec {
	switch o := obj.(type) {
	case *corev1.Pod:
		return &o.Spec
	case *corev1.PodTemplate:
		return &o.Template.Spec
	case *corev1.ReplicationController:
		if o.Spec.Template != nil {
			return &o.Spec.Template.Spec
		}
	case *appsv1.Deployment:
		return &o.Spec.Template.Spec
	case *appsv1.ReplicaSet:
		return &o.Spec.Template.Spec
	case *appsv1.StatefulSet:
		return &o.Spec.Template.Spec
	case *appsv1.DaemonSet:
		return &o.Spec.Template.Spec
	case *batchv1.Job:
		return &o.Spec.Template.Spec
	case *batchv1.CronJob:
		return &o.Spec.JobTemplate.Spec.Template.Spec
	}
	return nil
}

// dropGated has the rows of pods, and of what makes pods, leave out the fields of features that are off.
func dropGated(row *resource.Resource) {
	if podSpecOf(row.Versions[0].New()) == nil && row.Name != "replicationcontrollers" {
		return
	}
	create, update := row.PrepareCreate, row.PrepareUpdate
	row.PrepareCreate = func(ctx context.Context, obj resource.Object) {
		gated.Drop(podSpecOf(obj), nil)
		if create != nil {
			create(ctx, obj)
		}
	}
	row.PrepareUpdate = func(ctx context.Context, obj, old resource.Object) {
		gated.Drop(podSpecOf(obj), podSpecOf(old))
		if update != nil {
			update(ctx, obj, old)
		}
	}
}
