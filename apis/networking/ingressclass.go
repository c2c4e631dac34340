package networking

import (
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func ingressClasses() *resource.Resource {
	return resource.WithGeneration(&resource.Resource{
		Group:    networkingv1.GroupName,
		Name:     "ingressclasses",
		Singular: "ingressclass",
		Kind:     "IngressClass",
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[networkingv1.IngressClass],
			NewList: resource.NewList[networkingv1.IngressClassList],
			Default: resource.Defaulter(defaultIngressClass),
		}},
		Columns:                  resource.Columns("Name:name", "Controller", "Parameters", "Age"),
		Cells:                    resource.Row(ingressClassCells),
		Validate:                 resource.Check(validateIngressClass),
		ValidateUpdate:           resource.CheckUpdate(validateIngressClassUpdate),
		StoragePrefix:            "ingressclasses",
		Governs:                  true,
		AllowUnconditionalUpdate: true,
	}, func(i *networkingv1.IngressClass) any { return &i.Spec })
}

func defaultIngressClass(c *networkingv1.IngressClass) {
	if c.Spec.Parameters != nil && c.Spec.Parameters.Scope == nil {
		c.Spec.Parameters.Scope = ptr.To(networkingv1.IngressClassParametersReferenceScopeCluster)
	}
}
