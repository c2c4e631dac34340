package networking

import (
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func ingresses() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      networkingv1.GroupName,
		Name:       "ingresses",
		Singular:   "ingress",
		Kind:       "Ingress",
		ShortNames: []string{"ing"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[networkingv1.Ingress],
			NewList: resource.NewList[networkingv1.IngressList],
		}},
		Columns:                  resource.Columns("Name:name", "Class", "Hosts", "Address", "Ports", "Age"),
		Cells:                    resource.Row(ingressCells),
		Validate:                 resource.Check(validateIngress),
		ValidateUpdate:           resource.CheckUpdate(validateIngressUpdate),
		StoragePrefix:            "ingress",
		AllowUnconditionalUpdate: true,
	}, func(i *networkingv1.Ingress) (*networkingv1.IngressSpec, *networkingv1.IngressStatus) {
		return &i.Spec, &i.Status
	}, resource.CheckStatus(validateIngressStatus))
}
