package cluster

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
	"github.com/coxswain-k8s/coxswain/cluster/options"
	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// servingFiles are where the serving certificate is, or is to be left; "" where nobody asked.
func servingFiles(o *options.ServingOptions) (certificate, key string) {
	if o.TLSCertFile != "" || o.CertDir == "" {
		return o.TLSCertFile, o.TLSPrivateKeyFile
	}
	return filepath.Join(o.CertDir, "apiserver.crt"), filepath.Join(o.CertDir, "apiserver.key")
}

// openServed finds the certificate by which the API server serves: the user's, or that of the cluster's authority.
func (c *certificates) openServed(o *options.ServingOptions) error {
	c.served, c.trusted = c.serving, c.authority.CertPEM
	certificate, key := servingFiles(o)
	if certificate == "" {
		return nil
	}
	given, err := pki.OpenFiles(certificate, key, time.Now)
	if errors.Is(err, fs.ErrNotExist) && o.TLSCertFile == "" {
		return c.leaveServed(certificate, key)
	}
	if err != nil {
		return fmt.Errorf("reading the serving certificate: %w", err)
	}
	if shown, err := given.Serving(nil); err == nil && o.TLSCertFile == "" && shown.Leaf.CheckSignatureFrom(c.authority.Certificate) == nil {
		return c.leaveServed(certificate, key) // it is ours, and may end or lack a name
	}
	text, err := os.ReadFile(certificate)
	if err != nil {
		return fmt.Errorf("reading the serving certificate: %w", err)
	}
	c.served = given
	c.trusted = append(append(append([]byte{}, c.trusted...), '\n'), text...)
	return nil
}

// leaveServed writes the serving certificate, and the authority that signed it, to where it is expected.
func (c *certificates) leaveServed(certificate, key string) error {
	if err := os.MkdirAll(filepath.Dir(certificate), 0o755); err != nil {
		return fmt.Errorf("making the folder of the serving certificate: %w", err)
	}
	serving := c.serving.Pair()
	if err := os.WriteFile(key, serving.KeyPEM, 0o600); err != nil {
		return fmt.Errorf("writing the key of the serving certificate: %w", err)
	}
	chain := append(append([]byte{}, serving.CertPEM...), c.authority.CertPEM...)
	if err := os.WriteFile(certificate, chain, 0o644); err != nil {
		return fmt.Errorf("writing the serving certificate: %w", err)
	}
	return nil
}

// kubeletTLS is how the API server and kubelets know each other.
func (c *controlPlane) kubeletTLS() (*tls.Config, error) {
	o := c.options.ServingOptions
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.certificates.authority.Pool(), GetClientCertificate: c.certificates.toKubelet.Calling}
	if o.KubeletClientCertificate != "" {
		given, err := pki.OpenFiles(o.KubeletClientCertificate, o.KubeletClientKey, time.Now)
		if err != nil {
			return nil, fmt.Errorf("reading --kubelet-client-certificate: %w", err)
		}
		config.GetClientCertificate, config.InsecureSkipVerify = given.Calling, o.KubeletCertificateAuthority == ""
	}
	if o.KubeletCertificateAuthority != "" {
		text, err := os.ReadFile(o.KubeletCertificateAuthority)
		if err != nil {
			return nil, fmt.Errorf("reading --kubelet-certificate-authority: %w", err)
		}
		if config.RootCAs = x509.NewCertPool(); !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, fmt.Errorf("reading --kubelet-certificate-authority: %s has no certificate in PEM", o.KubeletCertificateAuthority)
		}
	}
	return config, nil
}

// proxyCertificate is by which the API server calls those of APIServices.
func (c *controlPlane) proxyCertificate() (showing, error) {
	o := c.options.ServingOptions
	if o.ProxyClientCertFile == "" {
		return c.certificates.frontProxyClient, nil
	}
	given, err := pki.OpenFiles(o.ProxyClientCertFile, o.ProxyClientKeyFile, time.Now)
	if err != nil {
		return nil, fmt.Errorf("reading --proxy-client-cert-file: %w", err)
	}
	return given, nil
}

// accountTokens are how service accounts prove who they are.
type accountTokens struct {
	issuers, audiences []string
	signing            crypto.Signer
	keys               []tokens.PublicKey
}

// newAccountTokens uses the user's keys, or else the server's own.
func (c *controlPlane) newAccountTokens() (*accountTokens, error) {
	o := c.options
	t := &accountTokens{issuers: o.ServiceAccountIssuers, audiences: o.APIAudiences, signing: c.certificates.tokens}
	if len(t.issuers) == 0 {
		t.issuers = []string{"https://kubernetes.default.svc." + o.ClusterDomain}
	}
	if len(t.audiences) == 0 {
		t.audiences = t.issuers
	}
	var err error
	if o.ServiceAccountSigningKeyFile != "" {
		if t.signing, err = tokens.LoadSigner(o.ServiceAccountSigningKeyFile); err != nil {
			return nil, fmt.Errorf("reading --service-account-signing-key-file: %w", err)
		}
	}
	for _, file := range o.ServiceAccountKeyFiles {
		more, err := tokens.LoadPublicKeys(file)
		if err != nil {
			return nil, fmt.Errorf("reading --service-account-key-file: %w", err)
		}
		t.keys = append(t.keys, more...)
	}
	if len(t.keys) == 0 {
		key, err := tokens.NewPublicKey(t.signing.Public())
		if err != nil {
			return nil, err
		}
		t.keys = []tokens.PublicKey{key}
	}
	return t, nil
}

// jwksURI is where others find the keys that verify tokens.
func (c *controlPlane) jwksURI() string {
	if c.options.ServiceAccountJWKSURI != "" {
		return c.options.ServiceAccountJWKSURI
	}
	return c.publicURL() + tokens.KeysPath
}
