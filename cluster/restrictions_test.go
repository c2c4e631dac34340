package cluster

import (
	"context"
	"crypto/tls"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// What is switched off is not there.
func TestRestrictionsOfServer(t *testing.T) {
	options := Default()
	options.DataDir, options.Disable = t.TempDir(), []string{Agent, Scheduler, Controllers}
	options.BindAddress, options.HTTPSListenPort = "127.0.0.1", 0
	options.Token, options.EnableBootstrapTokenAuth = "abcdef.0123456789abcdef", false
	options.Profiling, options.TLSMinVersion = false, "VersionTLS13"
	running, err := Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = running.Stop() }()
	nobody, admin := plain(t, running)
	nobody.expect(nobody.whoami(options.Token), "401 Unauthorized")
	admin.expect(admin.get("", "/debug/pprof/"), "404 ")
	admin.expect(admin.get("", "/readyz"), "200 ok")

	old := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12}} //nolint:gosec // a test's own server
	defer old.CloseIdleConnections()
	request, err := http.NewRequestWithContext(context.Background(), http.MethodGet, running.Config.Host+"/livez", nil)
	if err != nil {
		t.Fatal(err)
	}
	if response, err := old.RoundTrip(request); err == nil || !strings.Contains(err.Error(), "protocol version") {
		t.Errorf("TLS 1.2: %v, %v", response, err)
	}
}

func TestTLSOptions(t *testing.T) {
	for name, test := range map[string]struct {
		minimum string
		suites  []string
		want    uint16
		ids     []uint16
		wrong   string
	}{
		"default":  {want: tls.VersionTLS12},
		"older":    {minimum: "VersionTLS10", want: tls.VersionTLS12},
		"newer":    {minimum: "VersionTLS13", want: tls.VersionTLS13},
		"suites":   {suites: []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305"}, want: tls.VersionTLS12, ids: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256}},
		"no suite": {suites: []string{"ROT13"}, wrong: "Cipher suite ROT13 not supported or doesn't exist"},
		"no TLS":   {minimum: "SSL3", wrong: `unknown tls version "SSL3"`},
	} {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		o := ServingOptions{TLSMinVersion: test.minimum, TLSCipherSuites: test.suites}
		err := o.restrict(config)
		if test.wrong != "" {
			if err == nil || !strings.Contains(err.Error(), test.wrong) {
				t.Errorf("%s: %v, want %q", name, err, test.wrong)
			}
			continue
		}
		if err != nil || config.MinVersion != test.want || !slices.Equal(config.CipherSuites, test.ids) {
			t.Errorf("%s: %v, %x with %x", name, err, config.MinVersion, config.CipherSuites)
		}
	}
}
