package core

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func podTemplates() *resource.Resource {
	return resource.WithGeneration(&resource.Resource{
		Name:       "podtemplates",
		Singular:   "podtemplate",
		Kind:       "PodTemplate",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[corev1.PodTemplate],
			NewList: resource.NewList[corev1.PodTemplateList],
			Default: resource.Defaulter(defaultPodTemplate),
		}},
		Columns:                  resource.Columns("Name:name", "Containers", "Images", "Pod Labels"),
		Cells:                    resource.Row(podTemplateCells),
		Validate:                 resource.Check(validatePodTemplate),
		ValidateUpdate:           resource.CheckUpdate(validatePodTemplateUpdate),
		Warnings:                 resource.Warn(warnPodTemplate),
		StoragePrefix:            "podtemplates",
		AllowUnconditionalUpdate: true,
	}, func(p *corev1.PodTemplate) any { return &p.Template })
}

func podTemplateCells(t *corev1.PodTemplate, _ time.Time) []any {
	spec := &t.Template.Spec
	return []any{t.Name, podspec.Containers(spec), podspec.Images(spec), labels.FormatLabels(t.Template.Labels)}
}

func defaultPodTemplate(t *corev1.PodTemplate) {
	podspec.DefaultTemplate(&t.Template)
}

func validatePodTemplate(t *corev1.PodTemplate) field.ErrorList {
	return podspec.ValidateTemplate(&t.Template, nil, field.NewPath("template"))
}

func validatePodTemplateUpdate(t, old *corev1.PodTemplate) field.ErrorList {
	return podspec.ValidateTemplate(&t.Template, &old.Template, field.NewPath("template"))
}

func warnPodTemplate(p, old *corev1.PodTemplate) []string {
	if old != nil && old.Generation == p.Generation {
		return nil
	}
	return podspec.TemplateWarnings(&p.Template, field.NewPath("template"))
}
