package standalone

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"time"

	"github.com/coxswain-k8s/coxswain/controllers"
)

// KeyFiles are the certificate and the key of an authority, in PEM.
type KeyFiles struct{ Cert, Key string }

func (f KeyFiles) given() bool { return f.Cert != "" || f.Key != "" }

// signer is that authority; nil without files.
func (f KeyFiles) signer(longest time.Duration) (*controllers.Signer, error) {
	if !f.given() {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(f.Cert, f.Key)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		return nil, err
	}
	key, ok := pair.PrivateKey.(crypto.Signer)
	if !ok {
		return nil, errors.New("the key of " + f.Cert + " signs nothing")
	}
	return &controllers.Signer{Certificate: certificate, Key: key, MaxTTL: longest}, nil
}
