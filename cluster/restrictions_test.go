package cluster

import (
	"context"
	"crypto/tls"
	"net/http"
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
