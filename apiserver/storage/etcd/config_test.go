package etcd

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What restricts a member reaches it.
func TestRestrictionsOfMember(t *testing.T) {
	e, err := Config{Dir: t.TempDir()}.embed()
	if err != nil || e.TlsMinVersion != "TLS1.2" || e.TlsMaxVersion != "" || !cmp.Equal(e.HostWhitelist, map[string]struct{}{"*": {}}) {
		t.Errorf("by default: %q to %q, %v, %v", e.TlsMinVersion, e.TlsMaxVersion, e.HostWhitelist, err)
	}
	suites := []string{"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"}
	e, err = Config{Dir: t.TempDir(), TLSMinVersion: "TLS1.2", TLSMaxVersion: "TLS1.3", CipherSuites: suites, HostWhitelist: []string{"a", "b"}}.embed()
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Validate(); err != nil || e.TlsMinVersion != "TLS1.2" || e.TlsMaxVersion != "TLS1.3" || !cmp.Equal(e.CipherSuites, suites) ||
		!cmp.Equal(e.HostWhitelist, map[string]struct{}{"a": {}, "b": {}}) {
		t.Errorf("%q to %q, %v, %v, %v", e.TlsMinVersion, e.TlsMaxVersion, e.CipherSuites, e.HostWhitelist, err)
	}
	if e, err = (Config{Dir: t.TempDir(), TLSMinVersion: "TLS1.1"}).embed(); err == nil && e.Validate() == nil {
		t.Error("a version that there is not")
	}
}
