package apiextensions

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func customResourceDefinitions() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      apiextensionsv1.GroupName,
		Name:       "customresourcedefinitions",
		Singular:   "customresourcedefinition",
		Kind:       "CustomResourceDefinition",
		ShortNames: []string{"crd", "crds"},
		Categories: []string{"api-extensions"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[apiextensionsv1.CustomResourceDefinition],
			NewList: resource.NewList[apiextensionsv1.CustomResourceDefinitionList],
		}},
		StoragePrefix: "apiextensions.k8s.io/customresourcedefinitions",
		StoredAsJSON:  true,
	}, func(c *apiextensionsv1.CustomResourceDefinition) (*apiextensionsv1.CustomResourceDefinitionSpec, *apiextensionsv1.CustomResourceDefinitionStatus) {
		return &c.Spec, &c.Status
	})
}
