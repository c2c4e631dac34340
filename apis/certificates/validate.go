package certificates

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

const (
	// The shortest time that may be asked for.
	minExpirationSeconds = 600
	// The longest name of a signer: a domain, a slash, and the name of a service account with its namespace.
	maxSignerLength = 571
	legacySigner    = "kubernetes.io/legacy-unknown"
	minDomainLabels = 2

	requestBlock     = "CERTIFICATE REQUEST"
	certificateBlock = "CERTIFICATE"
)

func validateCertificateSigningRequest(c *certificatesv1.CertificateSigningRequest) field.ErrorList {
	spec, path := &c.Spec, field.NewPath("spec")
	var errs field.ErrorList
	if err := checkRequest(spec.Request); err != nil {
		errs = append(errs, field.Invalid(path.Child("request"), spec.Request, err.Error()))
	}
	errs = append(errs, validateUsages(spec.Usages, path.Child("usages"))...)
	if spec.SignerName == legacySigner {
		errs = append(errs, field.Invalid(path.Child("signerName"), spec.SignerName, "the legacy signerName is not allowed via this API version"))
	} else {
		errs = append(errs, validateSignerName(spec.SignerName, path.Child("signerName"))...)
	}
	if seconds := spec.ExpirationSeconds; seconds != nil && *seconds < minExpirationSeconds {
		errs = append(errs, field.Invalid(path.Child("expirationSeconds"), *seconds, "may not specify a duration less than 600 seconds (10 minutes)"))
	}
	errs = append(errs, validateConditions(c)...)
	return append(errs, validateCertificate(c.Status.Certificate, nil)...)
}

// validateCertificateSigningRequestUpdate checks nothing: an update changes metadata alone.
func validateCertificateSigningRequestUpdate(_, _ *certificatesv1.CertificateSigningRequest) field.ErrorList {
	return nil
}

func checkRequest(data []byte) error {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != requestBlock {
		return fmt.Errorf("PEM block type must be %s", requestBlock)
	}
	_, err := x509.ParseCertificateRequest(block.Bytes)
	return err
}

func usages() []certificatesv1.KeyUsage {
	return []certificatesv1.KeyUsage{
		certificatesv1.UsageAny, certificatesv1.UsageCertSign, certificatesv1.UsageClientAuth, certificatesv1.UsageCodeSigning,
		certificatesv1.UsageContentCommitment, certificatesv1.UsageCRLSign, certificatesv1.UsageDataEncipherment,
		certificatesv1.UsageDecipherOnly, certificatesv1.UsageDigitalSignature, certificatesv1.UsageEmailProtection,
		certificatesv1.UsageEncipherOnly, certificatesv1.UsageIPsecEndSystem, certificatesv1.UsageIPsecTunnel,
		certificatesv1.UsageIPsecUser, certificatesv1.UsageKeyAgreement, certificatesv1.UsageKeyEncipherment,
		certificatesv1.UsageMicrosoftSGC, certificatesv1.UsageNetscapeSGC, certificatesv1.UsageOCSPSigning,
		certificatesv1.UsageSMIME, certificatesv1.UsageServerAuth, certificatesv1.UsageSigning, certificatesv1.UsageTimestamping,
	}
}

func validateUsages(given []certificatesv1.KeyUsage, path *field.Path) field.ErrorList {
	if len(given) == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	seen := sets.New[certificatesv1.KeyUsage]()
	for i, usage := range given {
		errs = append(errs, check.OneOf(path.Index(i), usage, usages()...)...)
		if seen.Has(usage) {
			errs = append(errs, field.Duplicate(path.Index(i), usage))
		}
		seen.Insert(usage)
	}
	return errs
}

// validateSignerName wants a domain and a name: "example.com/signer-name".
func validateSignerName(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	parts := strings.Split(name, "/")
	if len(parts) != 2 {
		return field.ErrorList{field.Invalid(path, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")}
	}
	domain, local := parts[0], parts[1]
	var errs field.ErrorList
	labels := strings.Split(domain, ".")
	for _, label := range labels {
		for _, message := range validation.IsDNS1123Label(label) {
			errs = append(errs, field.Invalid(path, domain, fmt.Sprintf("validating label %q: %s", label, message)))
		}
	}
	if len(labels) < minDomainLabels {
		errs = append(errs, field.Invalid(path, domain, "should be a domain with at least two segments separated by dots"))
	}
	for _, label := range strings.Split(local, ".") {
		for _, message := range validation.IsDNS1123Subdomain(label) {
			errs = append(errs, field.Invalid(path, local, fmt.Sprintf("validating label %q: %s", label, message)))
		}
	}
	if len(name) > maxSignerLength {
		errs = append(errs, field.TooLong(path, name, maxSignerLength))
	}
	return errs
}

func validateConditions(c *certificatesv1.CertificateSigningRequest) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("status", "conditions")
	seen := sets.New[certificatesv1.RequestConditionType]()
	for i, condition := range c.Status.Conditions {
		at := path.Index(i)
		if condition.Type == "" {
			errs = append(errs, field.Required(at.Child("type"), ""))
		}
		if seen.Has(condition.Type) {
			errs = append(errs, field.Duplicate(at.Child("type"), condition.Type))
		}
		seen.Insert(condition.Type)
		errs = append(errs, validateConditionStatus(&condition, at.Child("status"))...)
		switch {
		case condition.Type == certificatesv1.CertificateApproved && seen.Has(certificatesv1.CertificateDenied),
			condition.Type == certificatesv1.CertificateDenied && seen.Has(certificatesv1.CertificateApproved):
			errs = append(errs, field.Invalid(path, condition.Type, "Approved and Denied conditions are mutually exclusive"))
		}
	}
	return errs
}

func validateConditionStatus(c *certificatesv1.CertificateSigningRequestCondition, path *field.Path) field.ErrorList {
	switch c.Type {
	case certificatesv1.CertificateApproved, certificatesv1.CertificateDenied, certificatesv1.CertificateFailed:
		return check.RequiredOneOf(path, c.Status, corev1.ConditionTrue)
	}
	return check.RequiredOneOf(path, c.Status, corev1.ConditionFalse, corev1.ConditionTrue, corev1.ConditionUnknown)
}

// validateCertificate checks a chain of certificates; one that is already there may stay.
func validateCertificate(data, old []byte) field.ErrorList {
	if len(data) == 0 || bytes.Equal(data, old) {
		return nil
	}
	invalid := func(detail string) field.ErrorList {
		return field.ErrorList{field.Invalid(field.NewPath("status", "certificate"), "<certificate data>", detail)}
	}
	found := 0
	for rest := data; ; {
		var block *pem.Block
		block, rest = pem.Decode(rest)
		if block == nil {
			break
		}
		if block.Type != certificateBlock {
			return invalid(fmt.Sprintf("only CERTIFICATE PEM blocks are allowed, found %q", block.Type))
		}
		if len(block.Headers) > 0 {
			return invalid("no PEM block headers are permitted")
		}
		certificates, err := x509.ParseCertificates(block.Bytes)
		if err != nil {
			return invalid(err.Error())
		}
		if len(certificates) == 0 {
			return invalid("found CERTIFICATE PEM block containing 0 certificates")
		}
		found += len(certificates)
	}
	if found == 0 {
		return invalid("must contain at least one CERTIFICATE PEM block")
	}
	return nil
}

// decisions are the conditions by which a request is approved or denied; they stay once they are there, and
// only the approval subresource adds them.
func decisions() []certificatesv1.RequestConditionType {
	return []certificatesv1.RequestConditionType{certificatesv1.CertificateApproved, certificatesv1.CertificateDenied}
}

func count(c *certificatesv1.CertificateSigningRequest, kind certificatesv1.RequestConditionType) int {
	n := 0
	for _, condition := range c.Status.Conditions {
		if condition.Type == kind {
			n++
		}
	}
	return n
}

func validateApproval(c, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	return append(validateConditions(c), validateStaying(c, old)...)
}

func validateCertificateSigningRequestStatus(c, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	path := field.NewPath("status", "conditions")
	errs := validateConditions(c)
	errs = append(errs, validateStaying(c, old)...)
	for _, kind := range decisions() {
		if count(c, kind) > count(old, kind) {
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("updates may not add a condition of type %q", kind)))
		}
	}
	if len(old.Status.Certificate) > 0 && !bytes.Equal(c.Status.Certificate, old.Status.Certificate) {
		errs = append(errs, field.Forbidden(field.NewPath("status", "certificate"), "updates may not modify existing certificate content"))
	}
	return append(errs, validateCertificate(c.Status.Certificate, old.Status.Certificate)...)
}

func validateStaying(c, old *certificatesv1.CertificateSigningRequest) field.ErrorList {
	var errs field.ErrorList
	for _, kind := range append(decisions(), certificatesv1.CertificateFailed) {
		if count(c, kind) < count(old, kind) {
			errs = append(errs, field.Forbidden(field.NewPath("status", "conditions"), fmt.Sprintf("updates may not remove a condition of type %q", kind)))
		}
	}
	return errs
}
