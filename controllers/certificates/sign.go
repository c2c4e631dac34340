package certificates

import (
	"bytes"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"

	"github.com/coxswain-k8s/coxswain/controllers/kit"
)

const (
	defaultTTL = 365 * 24 * time.Hour
	backdate   = 5 * time.Minute // clocks of nodes differ
)

// sign issues what was requested: its key and names, our choice of the rest. The chain
// is PEM.
func sign(signer *kit.Signer, request *x509.CertificateRequest, spec *certificatesv1.CertificateSigningRequestSpec, now time.Time) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("choosing serial number: %w", err)
	}
	ttl := signer.MaxTTL
	if ttl == 0 {
		ttl = defaultTTL
	}
	if wanted := spec.ExpirationSeconds; wanted != nil {
		ttl = min(ttl, max(time.Duration(*wanted)*time.Second, 10*time.Minute))
	}
	template := &x509.Certificate{
		SerialNumber:          serial,
		Subject:               request.Subject,
		NotBefore:             now.Add(-backdate).UTC(),
		NotAfter:              now.Add(ttl).UTC(),
		BasicConstraintsValid: true,
		DNSNames:              request.DNSNames,
		IPAddresses:           request.IPAddresses,
		EmailAddresses:        request.EmailAddresses,
		URIs:                  request.URIs,
	}
	if template.NotAfter.After(signer.Certificate.NotAfter) {
		template.NotAfter = signer.Certificate.NotAfter
	}
	addUsages(template, spec.Usages)
	der, err := x509.CreateCertificate(rand.Reader, template, signer.Certificate, request.PublicKey, signer.Key)
	if err != nil {
		return nil, fmt.Errorf("signing certificate: %w", err)
	}
	var out bytes.Buffer
	if err := pem.Encode(&out, &pem.Block{Type: "CERTIFICATE", Bytes: der}); err != nil {
		return nil, fmt.Errorf("encoding certificate: %w", err)
	}
	return out.Bytes(), nil
}

// addUsages adds those usages that any of our signers allows.
func addUsages(template *x509.Certificate, usages []certificatesv1.KeyUsage) {
	for _, usage := range usages {
		switch usage {
		case certificatesv1.UsageDigitalSignature:
			template.KeyUsage |= x509.KeyUsageDigitalSignature
		case certificatesv1.UsageKeyEncipherment:
			template.KeyUsage |= x509.KeyUsageKeyEncipherment
		case certificatesv1.UsageClientAuth:
			template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
		case certificatesv1.UsageServerAuth:
			template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
		}
	}
}
