package networking

import (
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func serviceCIDRs() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:    networkingv1.GroupName,
		Name:     "servicecidrs",
		Singular: "servicecidr",
		Kind:     "ServiceCIDR",
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[networkingv1.ServiceCIDR],
			NewList: resource.NewList[networkingv1.ServiceCIDRList],
		}},
		Columns:                  resource.Columns("Name:name", "CIDRs", "Age"),
		Cells:                    resource.Row(serviceCIDRCells),
		Validate:                 resource.Check(validateServiceCIDR),
		ValidateUpdate:           resource.CheckUpdate(validateServiceCIDRUpdate),
		StoragePrefix:            "servicecidrs",
		AllowUnconditionalUpdate: true,
	}, func(s *networkingv1.ServiceCIDR) (*networkingv1.ServiceCIDRSpec, *networkingv1.ServiceCIDRStatus) {
		return &s.Spec, &s.Status
	}, resource.NoGeneration(), resource.KeepMeta(resource.AllMeta))
}
