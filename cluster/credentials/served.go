package credentials

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

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
func (c *Certificates) openServed(o *options.ServingOptions) error {
	c.served, c.Trusted = c.serving, c.Authority.CertPEM
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
	if shown, err := given.Serving(nil); err == nil && o.TLSCertFile == "" && shown.Leaf.CheckSignatureFrom(c.Authority.Certificate) == nil {
		return c.leaveServed(certificate, key) // it is ours, and may end or lack a name
	}
	text, err := os.ReadFile(certificate)
	if err != nil {
		return fmt.Errorf("reading the serving certificate: %w", err)
	}
	c.served = given
	c.Trusted = append(append(append([]byte{}, c.Trusted...), '\n'), text...)
	return nil
}

// leaveServed writes the serving certificate, and the authority that signed it, to where it is expected.
func (c *Certificates) leaveServed(certificate, key string) error {
	if err := os.MkdirAll(filepath.Dir(certificate), 0o755); err != nil {
		return fmt.Errorf("making the folder of the serving certificate: %w", err)
	}
	serving := c.serving.Pair()
	if err := os.WriteFile(key, serving.KeyPEM, 0o600); err != nil {
		return fmt.Errorf("writing the key of the serving certificate: %w", err)
	}
	chain := append(append([]byte{}, serving.CertPEM...), c.Authority.CertPEM...)
	if err := os.WriteFile(certificate, chain, 0o644); err != nil {
		return fmt.Errorf("writing the serving certificate: %w", err)
	}
	return nil
}

// KubeletTLS is how the API server and kubelets know each other.
func (c *Certificates) KubeletTLS(o *options.ServingOptions) (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Authority.Pool(), GetClientCertificate: c.toKubelet.Calling}
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

// ProxyCertificate is by which the API server calls those of APIServices.
func (c *Certificates) ProxyCertificate(o *options.ServingOptions) (showing, error) {
	if o.ProxyClientCertFile == "" {
		return c.frontProxyClient, nil
	}
	given, err := pki.OpenFiles(o.ProxyClientCertFile, o.ProxyClientKeyFile, time.Now)
	if err != nil {
		return nil, fmt.Errorf("reading --proxy-client-cert-file: %w", err)
	}
	return given, nil
}
