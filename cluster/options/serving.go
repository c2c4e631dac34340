package options

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
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
	wrong = append(wrong, o.Restrict(&tls.Config{MinVersion: tls.VersionTLS12}))
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

// Restrict tells a listener which TLS it may speak.
func (o *ServingOptions) Restrict(config *tls.Config) error {
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
