package core

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func replicationControllers() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Name:       "replicationcontrollers",
		Singular:   "replicationcontroller",
		Kind:       "ReplicationController",
		ShortNames: []string{"rc"},
		Categories: []string{"all"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.ReplicationController],
			NewList: resource.NewList[corev1.ReplicationControllerList],
			Default: resource.Defaulter(defaultReplicationController),
		}},
		Columns:                  resource.Columns("Name:name", "Desired:integer", "Current:integer", "Ready:integer", "Age", "Containers:wide", "Images:wide", "Selector:wide"),
		Cells:                    resource.Row(replicationControllerCells),
		FieldNames:               []string{"status.replicas"},
		Fields:                   resource.Select(replicationControllerFields),
		OrphanByDefault:          true,
		Validate:                 resource.Check(validateReplicationController),
		ValidateUpdate:           resource.CheckUpdate(validateReplicationControllerUpdate),
		Warnings:                 resource.Warn(warnReplicationController),
		StoragePrefix:            "controllers",
		AllowUnconditionalUpdate: true,
		Subresources: []resource.Subresource{resource.ScaleOf(
			func(obj *corev1.ReplicationController) (int32, int32) {
				return ptr.Deref(obj.Spec.Replicas, 0), obj.Status.Replicas
			},
			func(obj *corev1.ReplicationController, n int32) { obj.Spec.Replicas = &n },
			func(obj *corev1.ReplicationController) string {
				return labels.SelectorFromSet(obj.Spec.Selector).String()
			},
		)},
	}, func(r *corev1.ReplicationController) (*corev1.ReplicationControllerSpec, *corev1.ReplicationControllerStatus) {
		return &r.Spec, &r.Status
	})
}

// defaultReplicationController takes what is left open, selector and labels, from the template.
func defaultReplicationController(c *corev1.ReplicationController) {
	if c.Spec.Replicas == nil {
		c.Spec.Replicas = ptr.To[int32](1)
	}
	if c.Spec.Template == nil {
		return
	}
	if len(c.Spec.Selector) == 0 {
		c.Spec.Selector = maps.Clone(c.Spec.Template.Labels)
	}
	if len(c.Labels) == 0 {
		c.Labels = maps.Clone(c.Spec.Template.Labels)
	}
	podspec.DefaultTemplate(c.Spec.Template)
}
