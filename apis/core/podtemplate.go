package core

import (
	corev1 "k8s.io/api/core/v1"

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

func defaultPodTemplate(t *corev1.PodTemplate) {
	podspec.DefaultTemplate(&t.Template)
}
