package certificates

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
)

const (
	nodeGroup  = "system:nodes"
	nodePrefix = "system:node:"
)

// NodeComponentSigner signs client certificates for what runs on every node beside the kubelet: nodes ask for them, and it
// signs no other name than those of nodeComponents.
const NodeComponentSigner = "coxswain.io/node-component"

// nodeComponents are the service proxy with the pod network, and the name server.
var nodeComponents = []string{"system:kube-proxy", "coxswain:dns"}

func parse(csr *certificatesv1.CertificateSigningRequest) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(csr.Spec.Request)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("parsing certificate request: %w", err)
	}
	if err := request.CheckSignature(); err != nil {
		return nil, fmt.Errorf("checking certificate request: %w", err)
	}
	return request, nil
}

// validate says why a signer must refuse a request, nil if it need not.
func validate(signer string, request *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	switch signer {
	case certificatesv1.KubeAPIServerClientKubeletSignerName:
		return validateKubeletClient(request, usages)
	case certificatesv1.KubeletServingSignerName:
		return validateKubeletServing(request, usages)
	case NodeComponentSigner:
		return validateNodeComponent(request, usages)
	case certificatesv1.KubeAPIServerClientSignerName:
		if !slices.Contains(usages, certificatesv1.UsageClientAuth) {
			return fmt.Errorf("usages must include %q", certificatesv1.UsageClientAuth)
		}
		return onlyUsages(usages, certificatesv1.UsageClientAuth)
	}
	return errors.New("unknown signer")
}

func validateKubeletClient(request *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	if err := validateNodeSubject(request); err != nil {
		return err
	}
	if len(request.DNSNames)+len(request.IPAddresses)+len(request.EmailAddresses)+len(request.URIs) > 0 {
		return errors.New("subjectAltNames are not allowed")
	}
	if !slices.Contains(usages, certificatesv1.UsageClientAuth) || !slices.Contains(usages, certificatesv1.UsageDigitalSignature) {
		return errors.New("usages did not match client auth and digital signature")
	}
	return onlyUsages(usages, certificatesv1.UsageClientAuth)
}

func validateNodeComponent(request *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	if !slices.Contains(nodeComponents, request.Subject.CommonName) || len(request.Subject.Organization) > 0 {
		return fmt.Errorf("subject is not one of %s", strings.Join(nodeComponents, ", "))
	}
	if len(request.DNSNames)+len(request.IPAddresses)+len(request.EmailAddresses)+len(request.URIs) > 0 {
		return errors.New("subjectAltNames are not allowed")
	}
	if !slices.Contains(usages, certificatesv1.UsageClientAuth) {
		return fmt.Errorf("usages must include %q", certificatesv1.UsageClientAuth)
	}
	return onlyUsages(usages, certificatesv1.UsageClientAuth)
}

func validateKubeletServing(request *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	if err := validateNodeSubject(request); err != nil {
		return err
	}
	if len(request.DNSNames)+len(request.IPAddresses) == 0 {
		return errors.New("DNS or IP subjectAltName is required")
	}
	if len(request.EmailAddresses)+len(request.URIs) > 0 {
		return errors.New("email and URI subjectAltNames are not allowed")
	}
	if !slices.Contains(usages, certificatesv1.UsageServerAuth) || !slices.Contains(usages, certificatesv1.UsageDigitalSignature) {
		return errors.New("usages did not match server auth and digital signature")
	}
	return onlyUsages(usages, certificatesv1.UsageServerAuth)
}

func validateNodeSubject(request *x509.CertificateRequest) error {
	if !slices.Equal(request.Subject.Organization, []string{nodeGroup}) {
		return errors.New("subject organization is not system:nodes")
	}
	if !strings.HasPrefix(request.Subject.CommonName, nodePrefix) {
		return errors.New("subject common name does not begin with \"system:node:\" prefix")
	}
	return nil
}

func onlyUsages(usages []certificatesv1.KeyUsage, auth certificatesv1.KeyUsage) error {
	allowed := []certificatesv1.KeyUsage{auth, certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment}
	for _, usage := range usages {
		if !slices.Contains(allowed, usage) {
			return fmt.Errorf("usage %q is not allowed", usage)
		}
	}
	return nil
}

func condition(csr *certificatesv1.CertificateSigningRequest, kind certificatesv1.RequestConditionType) *certificatesv1.CertificateSigningRequestCondition {
	for i := range csr.Status.Conditions {
		if csr.Status.Conditions[i].Type == kind {
			return &csr.Status.Conditions[i]
		}
	}
	return nil
}
