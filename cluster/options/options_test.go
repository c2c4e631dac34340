package options

import (
	"crypto/tls"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Who may have others beside it asks for leases, and nobody else writes any.
func TestElectsWhereThereMayBeOthers(t *testing.T) {
	for _, c := range []struct {
		servers, listens []string
		want             bool
	}{
		{nil, nil, false},
		{nil, []string{ListenNowhere}, false},
		{nil, []string{"https://127.0.0.1:4001", "https://[::1]:4001"}, false},
		{nil, []string{"https://127.0.0.1:4001", "https://10.0.0.1:2379"}, true},
		{nil, []string{"https://etcd.example:2379"}, true},
		{[]string{"https://10.0.0.1:2379"}, nil, true},
	} {
		o := ForTest("x")
		o.EtcdServers, o.EtcdListenClientURLs = c.servers, c.listens
		if got := o.Elects(); got != c.want {
			t.Errorf("on %q, listening at %q: %v", c.servers, c.listens, got)
		}
		o.LeaderElect = false
		if o.Elects() {
			t.Error("it asks though it was told not to")
		}
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
		err := o.Restrict(config)
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

// A listener that has no port is refused, where the server would fall over it.
func TestListenersOfTests(t *testing.T) {
	socket, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	o := ForTest("x")
	o.Listener = socket
	if err := o.Validate(); err == nil || !strings.Contains(err.Error(), "*net.UnixAddr") {
		t.Errorf("a socket: %v", err)
	}
}
