// Package certificates describes the resources of its API group: one file per resource, listed by Resources.
// It reads and writes nothing; see package resource for what a row means.
package certificates

import (
	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Resources lists the rows of the group.
func Resources() []*resource.Resource {
	spec := certificatesv1beta1.CertificateSigningRequestSpec{}.SwaggerDoc() // the older version's words, as upstream has it
	return resource.Describe([]*resource.Resource{
		certificateSigningRequests(),
	}, map[string]map[string]string{"certificatesigningrequests": {
		"SignerName": spec["signerName"], "Requestor": spec["request"], "RequestedDuration": spec["expirationSeconds"],
		"Condition": certificatesv1beta1.CertificateSigningRequestStatus{}.SwaggerDoc()["conditions"],
	}})
}
