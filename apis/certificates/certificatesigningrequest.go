package certificates

import (
	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

func certificateSigningRequests() *resource.Resource {
	return resource.WithStatus(&resource.Resource{
		Group:      certificatesv1.GroupName,
		Name:       "certificatesigningrequests",
		Singular:   "certificatesigningrequest",
		Kind:       "CertificateSigningRequest",
		ShortNames: []string{"csr"},
		Versions: []resource.Version{{
			Name:    "v1",
			New:     resource.New[certificatesv1.CertificateSigningRequest],
			NewList: resource.NewList[certificatesv1.CertificateSigningRequestList],
		}},
		StoragePrefix:            "certificatesigningrequests",
		AllowUnconditionalUpdate: true,
		Subresources: []resource.Subresource{
			resource.View("approval", func(obj, old *certificatesv1.CertificateSigningRequest) {
				obj.Spec = old.Spec
				conditions := obj.Status.Conditions
				obj.Status = old.Status
				obj.Status.Conditions = conditions
			}),
		},
	}, func(c *certificatesv1.CertificateSigningRequest) (*certificatesv1.CertificateSigningRequestSpec, *certificatesv1.CertificateSigningRequestStatus) {
		return &c.Spec, &c.Status
	}, resource.NoGeneration())
}
