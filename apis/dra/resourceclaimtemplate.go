package dra

import (
	"time"

	resourcev1 "k8s.io/api/resource/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func resourceClaimTemplates() *resource.Resource {
	return &resource.Resource{
		Group:      resourcev1.GroupName,
		Name:       "resourceclaimtemplates",
		Singular:   "resourceclaimtemplate",
		Kind:       "ResourceClaimTemplate",
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[resourcev1.ResourceClaimTemplate],
			NewList: resource.NewList[resourcev1.ResourceClaimTemplateList],
			Default: resource.Defaulter(defaultResourceClaimTemplate),
		}},
		Columns:                  resource.Columns("Name:name", "Age"),
		Cells:                    resource.Row(resourceClaimTemplateCells),
		Validate:                 resource.Check(validateResourceClaimTemplate),
		ValidateUpdate:           resource.CheckUpdate(validateResourceClaimTemplateUpdate),
		StoragePrefix:            "resourceclaimtemplates",
		AllowUnconditionalUpdate: true,
	}
}

func defaultResourceClaimTemplate(t *resourcev1.ResourceClaimTemplate) {
	defaultClaimSpec(&t.Spec.Spec)
}

func resourceClaimTemplateCells(t *resourcev1.ResourceClaimTemplate, now time.Time) []any {
	return []any{t.Name, resource.AgeOf(t, now)}
}
