package auth

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"
)

// uidOID is the subject attribute that carries a user's UID.
var uidOID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 57683, 2}

// ClientCertificates recognizes a request by its TLS client certificate: the common name is the user and
// the organizations are the groups. What was verified is remembered until it expires, for a client sends
// the same certificate with every request.
type ClientCertificates struct {
	// Roots returns the certificate authorities of now; another pool forgets what the last one verified.
	Roots func() *x509.CertPool
	Clock clock.PassiveClock

	verified Bounded[[sha256.Size]byte, verifiedCertificate]
}

type verifiedCertificate struct {
	roots *x509.CertPool
	until time.Time
	from  time.Time
	user  user.Info
}

// AuthenticateRequest implements authenticator.Request.
func (c *ClientCertificates) AuthenticateRequest(req *http.Request) (*authenticator.Response, bool, error) {
	if req.TLS == nil || len(req.TLS.PeerCertificates) == 0 {
		return nil, false, nil
	}
	roots, leaf, now := c.Roots(), req.TLS.PeerCertificates[0], c.Clock.Now()
	fingerprint := sha256.Sum256(leaf.Raw)
	known, ok := c.verified.Get(fingerprint)
	if !ok || known.roots != roots || now.After(known.until) || now.Before(known.from) {
		var err error
		if known, err = verify(req.TLS.PeerCertificates, roots, now); err != nil {
			return nil, false, err
		}
		c.verified.Put(fingerprint, known)
	}
	if known.user.GetName() == "" {
		return nil, false, nil
	}
	return &authenticator.Response{User: known.user}, true, nil
}

func verify(chain []*x509.Certificate, roots *x509.CertPool, now time.Time) (verifiedCertificate, error) {
	leaf := chain[0]
	options := x509.VerifyOptions{
		Roots: roots, CurrentTime: now, Intermediates: x509.NewCertPool(),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	for _, intermediate := range chain[1:] {
		options.Intermediates.AddCert(intermediate)
	}
	chains, err := leaf.Verify(options)
	if err != nil {
		return verifiedCertificate{}, fmt.Errorf("verifying certificate SN=%s: %w", leaf.SerialNumber, err)
	}
	u, err := certificateUser(leaf)
	if err != nil {
		return verifiedCertificate{}, err
	}
	result := verifiedCertificate{roots: roots, user: u, from: leaf.NotBefore, until: leaf.NotAfter}
	for _, issuer := range chains[0][1:] {
		if issuer.NotAfter.Before(result.until) {
			result.until = issuer.NotAfter
		}
		if issuer.NotBefore.After(result.from) {
			result.from = issuer.NotBefore
		}
	}
	return result, nil
}

func certificateUser(leaf *x509.Certificate) (user.Info, error) {
	u := &user.DefaultInfo{
		Name: leaf.Subject.CommonName, Groups: leaf.Subject.Organization,
		Extra: map[string][]string{user.CredentialIDKey: {credentialID(leaf)}},
	}
	for _, attribute := range leaf.Subject.Names {
		if !attribute.Type.Equal(uidOID) {
			continue
		}
		uid, ok := attribute.Value.(string)
		if !ok || uid == "" || u.UID != "" {
			return nil, fmt.Errorf("reading the UID of certificate SN=%s: want one string that is not empty", leaf.SerialNumber)
		}
		u.UID = uid
	}
	return u, nil
}

// credentialID names a certificate in a user's extra attributes.
func credentialID(leaf *x509.Certificate) string {
	sum := sha256.Sum256(leaf.Raw)
	return "X509SHA256=" + hex.EncodeToString(sum[:])
}
