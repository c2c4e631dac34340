package networking

import (
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func ipAddresses() *resource.Resource {
	return &resource.Resource{
		Group:      networkingv1.GroupName,
		Name:       "ipaddresses",
		Singular:   "ipaddress",
		Kind:       "IPAddress",
		ShortNames: []string{"ip"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[networkingv1.IPAddress],
			NewList: resource.NewList[networkingv1.IPAddressList],
		}},
		Columns:                  resource.Columns("Name:name", "ParentRef"),
		Cells:                    resource.Row(ipAddressCells),
		ValidateName:             validateIPAddressName,
		Validate:                 resource.Check(validateIPAddress),
		ValidateUpdate:           resource.CheckUpdate(validateIPAddressUpdate),
		StoragePrefix:            "ipaddresses",
		AllowUnconditionalUpdate: true,
	}
}
