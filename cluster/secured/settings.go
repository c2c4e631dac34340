package secured

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"

	certutil "k8s.io/client-go/util/cert"

	"github.com/coxswain-k8s/coxswain/cluster/pki"
)

// Settings are those of upstream's components: flags have the names of the fields.
type Settings struct {
	// Component names the files in CertDir.
	Component string
	// BindAddress is what is listened on; default all addresses.
	BindAddress string
	// SecurePort is the port; 0 serves nothing.
	SecurePort int
	// CertDir keeps the certificate if TLSCertFile is empty. Without either it is kept in memory.
	CertDir, TLSCertFile, TLSPrivateKeyFile string
	// AuthenticationKubeconfig is who asks the API server about tokens, and finds the authorities of clients there. Without it tokens are nobody's.
	AuthenticationKubeconfig string
	// AuthenticationSkipLookup leaves the authorities of clients to ClientCAFile.
	AuthenticationSkipLookup bool
	// AuthenticationTokenTTL is how long an answer about a token is remembered; default 10 s.
	AuthenticationTokenTTL time.Duration
	// ClientCAFile holds further authorities of clients.
	ClientCAFile string
	// AuthorizationKubeconfig is who asks the API server what a client may. Without it nothing is allowed but AlwaysAllowPaths.
	AuthorizationKubeconfig string
	// AlwaysAllowPaths are open to all; default /healthz, /readyz and /livez.
	AlwaysAllowPaths []string
	// AllowedTTL and DeniedTTL are how long answers about access are remembered; default 10 s.
	AllowedTTL, DeniedTTL time.Duration
	// Profiling serves /debug/pprof; default yes.
	Profiling bool
	// Paths are served beside /healthz and /metrics.
	Paths map[string]http.Handler
}

// Default returns upstream's settings.
func Default(component string, port int) Settings {
	const remembered = 10 * time.Second
	return Settings{
		Component: component, BindAddress: "0.0.0.0", SecurePort: port, AlwaysAllowPaths: []string{"/healthz", "/readyz", "/livez"},
		AuthenticationTokenTTL: remembered, AllowedTTL: remembered, DeniedTTL: remembered, Profiling: true,
	}
}

// Validate returns everything that is wrong with settings.
func (s *Settings) Validate() error {
	var wrong []error
	if s.SecurePort < 0 || s.SecurePort > 65535 {
		wrong = append(wrong, fmt.Errorf("--secure-port %v must be between 0 and 65535, inclusive. 0 for turning off secure port", s.SecurePort))
	}
	if net.ParseIP(s.BindAddress) == nil {
		wrong = append(wrong, fmt.Errorf("--bind-address=%s: not an IP address", s.BindAddress))
	}
	if (s.TLSCertFile == "") != (s.TLSPrivateKeyFile == "") {
		wrong = append(wrong, errors.New("--tls-cert-file and --tls-private-key-file go together"))
	}
	return errors.Join(wrong...)
}

// certificate is what is served: that of files, one that an earlier run has left in CertDir, or a new one that signs itself.
func (s *Settings) certificate() (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	cert, key := s.TLSCertFile, s.TLSPrivateKeyFile
	if cert == "" && s.CertDir != "" {
		cert, key = filepath.Join(s.CertDir, s.Component+".crt"), filepath.Join(s.CertDir, s.Component+".key")
		if err := s.keep(cert, key); err != nil {
			return nil, err
		}
	}
	if cert != "" {
		files, err := pki.OpenFiles(cert, key, time.Now)
		if err != nil {
			return nil, err
		}
		return files.Serving, nil
	}
	certPEM, keyPEM, err := s.sign()
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	return func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil }, err
}

// keep makes the files of a certificate if they are not there. The certificate is written last, and whole: where there is none its key is
// one that an earlier run had no time to use.
func (s *Settings) keep(cert, key string) error {
	if _, err := os.Stat(cert); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	certPEM, keyPEM, err := s.sign()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.CertDir, 0o755); err != nil {
		return err
	}
	if err := replaceFile(key, keyPEM, 0o600); err != nil {
		return fmt.Errorf("writing the key to serve with: %w", err)
	}
	if err := replaceFile(cert, certPEM, 0o644); err != nil {
		return fmt.Errorf("writing the certificate to serve: %w", err)
	}
	return nil
}

// replaceFile writes a file that others see whole or not at all.
func replaceFile(name string, data []byte, mode fs.FileMode) error {
	written := name + ".new"
	if err := os.WriteFile(written, data, mode); err != nil {
		return err
	}
	return os.Rename(written, name)
}

func (s *Settings) sign() (cert, key []byte, err error) {
	host := s.BindAddress
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "localhost"
	}
	cert, key, err = certutil.GenerateSelfSignedCertKey(host, []net.IP{net.IPv4(127, 0, 0, 1)}, []string{"localhost"})
	if err != nil {
		return nil, nil, fmt.Errorf("making a certificate to serve with: %w", err)
	}
	return cert, key, nil
}
