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
		return validateClientUsages(usages)
	}
	return errors.New("unknown signer")
}

func validateKubeletClient(request *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	if err := validateNodeSubject(request); err != nil {
		return err
	}
	if err := noNames(request, "DNS", "Email", "IP", "URI"); err != nil {
		return err
	}
	return validateNodeUsages(usages, certificatesv1.UsageClientAuth)
}

func validateNodeComponent(request *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	if !slices.Contains(nodeComponents, request.Subject.CommonName) || len(request.Subject.Organization) > 0 {
		return fmt.Errorf("subject is not one of %s", strings.Join(nodeComponents, ", "))
	}
	if err := noNames(request, "DNS", "Email", "IP", "URI"); err != nil {
		return err
	}
	return validateClientUsages(usages)
}

func validateKubeletServing(request *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	if err := validateNodeSubject(request); err != nil {
		return err
	}
	if len(request.DNSNames)+len(request.IPAddresses) == 0 {
		return errors.New("DNS or IP subjectAltName is required")
	}
	if err := noNames(request, "Email", "URI"); err != nil {
		return err
	}
	return validateNodeUsages(usages, certificatesv1.UsageServerAuth)
}

func validateNodeSubject(request *x509.CertificateRequest) error {
	if !slices.Equal(request.Subject.Organization, []string{nodeGroup}) {
		return errors.New("subject organization is not system:nodes")
	}
	if !strings.HasPrefix(request.Subject.CommonName, nodePrefix) {
		return fmt.Errorf("subject common name does not begin with %s", nodePrefix)
	}
	return nil
}

// noNames refuses alternative names of some kinds.
func noNames(request *x509.CertificateRequest, kinds ...string) error {
	count := map[string]int{
		"DNS": len(request.DNSNames), "Email": len(request.EmailAddresses), "IP": len(request.IPAddresses), "URI": len(request.URIs),
	}
	for _, kind := range kinds {
		if count[kind] > 0 {
			return fmt.Errorf("%s subjectAltNames are not allowed", kind)
		}
	}
	return nil
}

// validateClientUsages: a client's certificate is for nothing but that. Of several wrong usages the first is told.
func validateClientUsages(usages []certificatesv1.KeyUsage) error {
	for _, usage := range usages {
		if !slices.Contains(usagesOf(certificatesv1.UsageClientAuth), usage) {
			return fmt.Errorf("invalid usage for client certificate: %s", usage)
		}
	}
	if !slices.Contains(usages, certificatesv1.UsageClientAuth) {
		return fmt.Errorf("missing required usage for client certificate: %s", certificatesv1.UsageClientAuth)
	}
	return nil
}

// validateNodeUsages: a node's certificate is for signatures and for what it is asked for; whether for encrypting keys depends on its key.
func validateNodeUsages(usages []certificatesv1.KeyUsage, auth certificatesv1.KeyUsage) error {
	allowed := usagesOf(auth)
	outside := slices.ContainsFunc(usages, func(usage certificatesv1.KeyUsage) bool { return !slices.Contains(allowed, usage) })
	if outside || !slices.Contains(usages, auth) || !slices.Contains(usages, certificatesv1.UsageDigitalSignature) {
		return fmt.Errorf("usages did not match %v", allowed)
	}
	return nil
}

// usagesOf are those that go with one, by name.
func usagesOf(auth certificatesv1.KeyUsage) []certificatesv1.KeyUsage {
	all := []certificatesv1.KeyUsage{auth, certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment}
	slices.Sort(all)
	return all
}

func condition(csr *certificatesv1.CertificateSigningRequest, kind certificatesv1.RequestConditionType) *certificatesv1.CertificateSigningRequestCondition {
	for i := range csr.Status.Conditions {
		if csr.Status.Conditions[i].Type == kind {
			return &csr.Status.Conditions[i]
		}
	}
	return nil
}
