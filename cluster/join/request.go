package join

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// requestPatience is how long one request waits for its certificate before another one is made.
const requestPatience = 5 * time.Minute

// Subject is whom a certificate names.
type Subject struct {
	Signer string
	User   string
	Groups []string
	// Names and Addresses that a server is called by; a subject without any is a client.
	Names     []string
	Addresses []net.IP
}

func (s *Subject) serves() bool { return len(s.Names)+len(s.Addresses) > 0 }

// ask has a certificate for a new key made, and returns both as PEM.
func ask(ctx context.Context, c client.WithWatch, s Subject) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key: %w", err)
	}
	request, err := s.request(key)
	if err != nil {
		return nil, fmt.Errorf("making a certificate request: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, requestPatience)
	defer cancel()
	if err := c.Create(ctx, request); err != nil {
		return nil, fmt.Errorf("asking for a certificate: %w", err)
	}
	chain, err := await(ctx, c, request)
	if err != nil {
		return nil, fmt.Errorf("waiting for the certificate of %s: %w", s.User, err)
	}
	raw, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(chain, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: raw})...), nil
}

func (s *Subject) request(key crypto.Signer) (*certificatesv1.CertificateSigningRequest, error) {
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: s.User, Organization: s.Groups}, DNSNames: s.Names, IPAddresses: s.Addresses,
	}, key)
	if err != nil {
		return nil, err
	}
	usage := certificatesv1.UsageClientAuth
	if s.serves() {
		usage = certificatesv1.UsageServerAuth
	}
	return &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "csr-"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request:    pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
			SignerName: s.Signer, Usages: []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, usage},
		},
	}, nil
}

// await watches a request from the state in which it was made until it has its certificate.
func await(ctx context.Context, c client.WithWatch, request *certificatesv1.CertificateSigningRequest) ([]byte, error) {
	for {
		events, err := c.Watch(ctx, &certificatesv1.CertificateSigningRequestList{}, &client.ListOptions{
			FieldSelector: fields.OneTermEqualSelector(metav1.ObjectNameField, request.Name),
			Raw:           &metav1.ListOptions{ResourceVersion: request.ResourceVersion},
		})
		if err != nil {
			return nil, err
		}
		for event := range events.ResultChan() {
			seen, ok := event.Object.(*certificatesv1.CertificateSigningRequest)
			if !ok {
				break
			}
			request = seen
			if chain, err := verdict(seen); chain != nil || err != nil {
				events.Stop()
				return chain, err
			}
		}
		events.Stop()
		if ctx.Err() != nil {
			return nil, errors.New("nobody approved and signed the request; is the controller `certificates` running?")
		}
		if err := c.Get(ctx, client.ObjectKeyFromObject(request), request); err != nil {
			return nil, err
		}
		if chain, err := verdict(request); chain != nil || err != nil {
			return chain, err
		}
	}
}

// verdict is the certificate, or why there is none; neither if that is not decided.
func verdict(request *certificatesv1.CertificateSigningRequest) ([]byte, error) {
	for _, condition := range request.Status.Conditions {
		switch condition.Type {
		case certificatesv1.CertificateDenied, certificatesv1.CertificateFailed:
			return nil, fmt.Errorf("request %s: %s: %s", request.Name, condition.Type, condition.Message)
		}
	}
	if len(request.Status.Certificate) > 0 {
		return request.Status.Certificate, nil
	}
	return nil, nil
}
