package cluster

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/tokens"
	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// ServingOptions replace certificates and keys that the server would make itself, by upstream's names. What is signed by its own
// authority, such as the administrator's kubeconfig, goes on being believed.
type ServingOptions struct {
	// CertDir has the serving certificate in apiserver.crt and apiserver.key; it is left there where it does not exist. Default is
	// that nobody needs to find it.
	CertDir string `json:"cert-dir,omitempty"`
	// TLSCertFile and TLSPrivateKeyFile are the serving certificate, wherever it is. These and the other certificates below are read again when they change.
	TLSCertFile       string `json:"tls-cert-file,omitempty"`
	TLSPrivateKeyFile string `json:"tls-private-key-file,omitempty"`
	// TLSMinVersion is VersionTLS12 (the default, also in place of older ones) or VersionTLS13.
	TLSMinVersion string `json:"tls-min-version,omitempty"`
	// TLSCipherSuites of TLS 1.2, by Go's names; default Go's.
	TLSCipherSuites []string `json:"tls-cipher-suites,omitempty"`
	// Profiling serves /debug/pprof; default true.
	Profiling bool `json:"profiling"`
	// ClientCAFile has further authorities of clients; a change of it counts without a restart.
	ClientCAFile string `json:"client-ca-file,omitempty"`
	// ServiceAccountIssuers of tokens: the first issues them, all are believed. Default https://kubernetes.default.svc.DOMAIN.
	ServiceAccountIssuers []string `json:"service-account-issuer,omitempty"`
	// ServiceAccountSigningKeyFile signs tokens, those in ServiceAccountKeyFiles verify them; default is a key of our own.
	ServiceAccountSigningKeyFile string   `json:"service-account-signing-key-file,omitempty"`
	ServiceAccountKeyFiles       []string `json:"service-account-key-file,omitempty"`
	// ServiceAccountJWKSURI is where others find the keys that verify tokens; default below AdvertiseAddress.
	ServiceAccountJWKSURI string `json:"service-account-jwks-uri,omitempty"`
	// ServiceAccountMaxTokenExpiration bounds how long tokens last; default is no bound.
	ServiceAccountMaxTokenExpiration metav1.Duration `json:"service-account-max-token-expiration,omitempty"`
	// APIAudiences of tokens for the API server; default the issuers.
	APIAudiences []string `json:"api-audiences,omitempty"`
	// KubeletClientCertificate and KubeletClientKey are by which the API server calls kubelets, whose certificates are checked against
	// KubeletCertificateAuthority, or not at all without one. Default is the cluster's own authority for both.
	KubeletClientCertificate    string `json:"kubelet-client-certificate,omitempty"`
	KubeletClientKey            string `json:"kubelet-client-key,omitempty"`
	KubeletCertificateAuthority string `json:"kubelet-certificate-authority,omitempty"`
	// ProxyClientCertFile and ProxyClientKeyFile are by which the API server calls those of APIServices.
	ProxyClientCertFile string `json:"proxy-client-cert-file,omitempty"`
	ProxyClientKeyFile  string `json:"proxy-client-key-file,omitempty"`
}

func (o *ServingOptions) validate() error {
	var wrong []error
	if (o.TLSCertFile == "") != (o.TLSPrivateKeyFile == "") {
		wrong = append(wrong, errors.New("--tls-cert-file and --tls-private-key-file: the one needs the other"))
	}
	if (o.KubeletClientCertificate == "") != (o.KubeletClientKey == "") {
		wrong = append(wrong, errors.New("--kubelet-client-certificate and --kubelet-client-key: the one needs the other"))
	}
	if (o.ProxyClientCertFile == "") != (o.ProxyClientKeyFile == "") {
		wrong = append(wrong, errors.New("--proxy-client-cert-file and --proxy-client-key-file: the one needs the other"))
	}
	wrong = append(wrong, o.restrict(&tls.Config{MinVersion: tls.VersionTLS12}))
	for _, issuer := range o.ServiceAccountIssuers {
		if _, err := url.Parse(issuer); issuer == "" || err != nil {
			wrong = append(wrong, fmt.Errorf("--service-account-issuer=%s: not a URL", issuer))
		}
	}
	if expiration := o.ServiceAccountMaxTokenExpiration.Duration; expiration != 0 && (expiration < time.Hour || expiration > 1<<32*time.Second) {
		wrong = append(wrong, fmt.Errorf("--service-account-max-token-expiration=%s: want between 1 hour and 2^32 seconds", expiration))
	}
	return errors.Join(wrong...)
}

// restrict tells a listener which TLS it may speak.
func (o *ServingOptions) restrict(config *tls.Config) error {
	switch o.TLSMinVersion {
	case "", "VersionTLS10", "VersionTLS11", "VersionTLS12":
	case "VersionTLS13":
		config.MinVersion = tls.VersionTLS13
	default:
		return fmt.Errorf("--tls-min-version=%s: unknown tls version %q", o.TLSMinVersion, o.TLSMinVersion)
	}
	known := slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites())
	for _, name := range o.TLSCipherSuites {
		at := slices.IndexFunc(known, func(suite *tls.CipherSuite) bool { return suite.Name == name || suite.Name == name+"_SHA256" })
		if at < 0 {
			return fmt.Errorf("--tls-cipher-suites: Cipher suite %s not supported or doesn't exist", name)
		}
		config.CipherSuites = append(config.CipherSuites, known[at].ID)
	}
	return nil
}

// servingFiles are where the serving certificate is, or is to be left; "" where nobody asked.
func (o *ServingOptions) servingFiles() (certificate, key string) {
	if o.TLSCertFile != "" || o.CertDir == "" {
		return o.TLSCertFile, o.TLSPrivateKeyFile
	}
	return filepath.Join(o.CertDir, "apiserver.crt"), filepath.Join(o.CertDir, "apiserver.key")
}

// openServed finds the certificate by which the API server serves: the user's, or that of the cluster's authority.
func (c *certificates) openServed(o *ServingOptions) error {
	c.served, c.trusted = c.serving, c.authority.CertPEM
	certificate, key := o.servingFiles()
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
