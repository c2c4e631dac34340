package core

import (
	"maps"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
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
		ValidateName:             resource.NameOfAnyPrefix,
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

func replicationControllerCells(c *corev1.ReplicationController, now time.Time) []any {
	spec := &corev1.PodSpec{}
	if c.Spec.Template != nil {
		spec = &c.Spec.Template.Spec
	}
	return []any{
		c.Name,
		int64(ptr.Deref(c.Spec.Replicas, 0)),
		int64(c.Status.Replicas),
		int64(c.Status.ReadyReplicas),
		resource.AgeOf(c, now),
		podspec.Containers(spec),
		podspec.Images(spec),
		labels.FormatLabels(c.Spec.Selector),
	}
}

func replicationControllerFields(c *corev1.ReplicationController) fields.Set {
	return fields.Set{"status.replicas": strconv.Itoa(int(c.Status.Replicas))}
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

func validateReplicationController(c *corev1.ReplicationController) field.ErrorList {
	return validateReplication(c, nil)
}

// validateReplication checks a controller and its template, which was old, or nil, before.
func validateReplication(c *corev1.ReplicationController, old *corev1.PodTemplateSpec) field.ErrorList {
	path, spec := field.NewPath("spec"), &c.Spec
	errs := check.NonNegative(path.Child("minReadySeconds"), spec.MinReadySeconds)
	if len(spec.Selector) == 0 {
		errs = append(errs, field.Required(path.Child("selector"), ""))
	}
	errs = append(errs, check.NonNegative(path.Child("replicas"), ptr.Deref(spec.Replicas, 0))...)
	at := path.Child("template")
	if spec.Template == nil {
		return append(errs, field.Required(at, ""))
	}
	if selector := labels.SelectorFromSet(spec.Selector); !selector.Empty() && !selector.Matches(labels.Set(spec.Template.Labels)) {
		errs = append(errs, field.Invalid(at.Child("metadata", "labels"), spec.Template.Labels, "`selector` does not match template `labels`"))
	}
	errs = append(errs, podspec.ValidateTemplate(spec.Template, old, at)...)
	errs = append(errs, podspec.OnlyAlways(spec.Template.Spec.RestartPolicy, at.Child("spec", "restartPolicy"))...)
	if spec.Template.Spec.ActiveDeadlineSeconds != nil {
		errs = append(errs, field.Forbidden(at.Child("spec", "activeDeadlineSeconds"), "activeDeadlineSeconds in ReplicationController is not Supported"))
	}
	return errs
}

func validateReplicationControllerUpdate(c, old *corev1.ReplicationController) field.ErrorList {
	return validateReplication(c, old.Spec.Template)
}

func warnReplicationController(rc, old *corev1.ReplicationController) []string {
	var warnings []string
	if old == nil {
		warnings = podspec.PodsNameWarning(rc.Name)
	} else if old.Generation == rc.Generation {
		return nil
	}
	if rc.Spec.Template != nil {
		warnings = append(warnings, podspec.TemplateWarnings(rc.Spec.Template, field.NewPath("spec", "template"))...)
	}
	return warnings
}
