package certificates

import (
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/util/duration"

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
		ResetFields:              [][]string{{"spec"}}, // nobody can change it: what a client sent is not its own
		Columns:                  resource.Columns("Name:name", "Age", "SignerName", "Requestor", "RequestedDuration", "Condition"),
		Cells:                    resource.Row(certificateSigningRequestCells),
		FieldNames:               []string{"spec.signerName"},
		Fields:                   resource.Select(certificateSigningRequestFields),
		ValidateName:             resource.PathSegmentName,
		PrepareUpdate:            resource.OnUpdate(keepRequest),
		Validate:                 resource.Check(validateCertificateSigningRequest),
		ValidateUpdate:           resource.CheckUpdate(validateCertificateSigningRequestUpdate),
		StoragePrefix:            "certificatesigningrequests",
		AllowUnconditionalUpdate: true,
		Subresources: []resource.Subresource{
			resource.View("approval", func(obj, old *certificatesv1.CertificateSigningRequest) {
				obj.Spec = old.Spec
				conditions := obj.Status.Conditions
				obj.Status = old.Status
				obj.Status.Conditions = conditions
				stampConditions(obj, old)
			}).Checked(resource.CheckUpdate(validateApproval)),
		},
	}, func(c *certificatesv1.CertificateSigningRequest) (*certificatesv1.CertificateSigningRequestSpec, *certificatesv1.CertificateSigningRequestStatus) {
		return &c.Spec, &c.Status
	}, resource.NoGeneration(), resource.PrepareStatus(stampConditions), resource.CheckStatus(validateCertificateSigningRequestStatus))
}

func certificateSigningRequestCells(c *certificatesv1.CertificateSigningRequest, now time.Time) []any {
	wanted := resource.None
	if c.Spec.ExpirationSeconds != nil {
		wanted = duration.HumanDuration(time.Duration(*c.Spec.ExpirationSeconds) * time.Second)
	}
	return []any{c.Name, resource.AgeOf(c, now), c.Spec.SignerName, c.Spec.Username, wanted, condition(c)}
}

func condition(c *certificatesv1.CertificateSigningRequest) string {
	has := map[certificatesv1.RequestConditionType]bool{}
	for _, condition := range c.Status.Conditions {
		has[condition.Type] = true
	}
	status := "Pending"
	switch {
	case has[certificatesv1.CertificateDenied]:
		status = "Denied"
	case has[certificatesv1.CertificateApproved]:
		status = "Approved"
	}
	if has[certificatesv1.CertificateFailed] {
		status += ",Failed"
	}
	if len(c.Status.Certificate) > 0 {
		status += ",Issued"
	}
	return status
}

func certificateSigningRequestFields(c *certificatesv1.CertificateSigningRequest) fields.Set {
	return fields.Set{"spec.signerName": c.Spec.SignerName}
}

// stampConditions fills in when conditions were written and when they last changed.
func stampConditions(c, old *certificatesv1.CertificateSigningRequest) {
	now := metav1.Now()
	for i := range c.Status.Conditions {
		condition := &c.Status.Conditions[i]
		if condition.LastUpdateTime.IsZero() {
			condition.LastUpdateTime = now
		}
		if !condition.LastTransitionTime.IsZero() {
			continue
		}
		condition.LastTransitionTime = now
		for _, before := range old.Status.Conditions {
			if before.Type == condition.Type && before.Status == condition.Status && !before.LastTransitionTime.IsZero() {
				condition.LastTransitionTime = before.LastTransitionTime
			}
		}
	}
}

// keepRequest makes an update of the main resource one of its metadata.
func keepRequest(c, old *certificatesv1.CertificateSigningRequest) {
	c.Spec = old.Spec
}
