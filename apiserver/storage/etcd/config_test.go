package etcd

import (
	"flag"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/etcd/server/v3/embed"
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

// Settings by etcd's names reach it, those that are lists too, and what the member needs itself stays.
func TestSettings(t *testing.T) {
	known := flag.NewFlagSet("etcd", flag.ContinueOnError)
	known.SetOutput(io.Discard)
	embed.NewConfig().AddFlags(known)
	for name := range strings.FieldsSeq(Switches + " " + Values) {
		if known.Lookup(name) == nil {
			t.Errorf("etcd has no --%s", name)
		}
	}
	e, err := Config{
		Dir: t.TempDir(), PeerURLs: []string{"https://127.0.0.1:0"}, PeerTLS: &TLS{CA: "ca", Cert: "cert", Key: "key"}, UnsafeNoFsync: true,
		Settings: map[string]string{
			"snapshot-count": "7", "heartbeat-interval": "50", "pre-vote": "false", "backend-batch-interval": "3s", "max-concurrent-streams": "9",
			"peer-cert-allowed-cn": "a,b", "peer-client-cert-file": "other", "listen-metrics-urls": "http://127.0.0.1:1,http://127.0.0.1:2",
			"initial-cluster-token": "token", "max-request-bytes": "99",
		},
	}.withDefaults().embed()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]any{
		"snapshots": e.SnapshotCount, "ticks": e.TickMs, "pre-vote": e.PreVote, "interval": e.BackendBatchInterval, "streams": e.MaxConcurrentStreams,
		"names": e.PeerTLSInfo.AllowedCNs, "certificates": []string{e.PeerTLSInfo.CertFile, e.PeerTLSInfo.ClientCertFile, e.PeerTLSInfo.TrustedCAFile},
		"metrics": len(e.ListenMetricsUrls), "token": e.InitialClusterToken, "bytes": e.MaxRequestBytes, "operations": e.MaxTxnOps,
		"fsync": !e.UnsafeNoFsync, "defragment": e.BootstrapDefragThresholdMegabytes,
	}
	if diff := cmp.Diff(map[string]any{
		"snapshots": uint64(7), "ticks": uint(50), "pre-vote": false, "interval": 3 * time.Second, "streams": uint32(9),
		"names": []string{"a", "b"}, "certificates": []string{"cert", "other", "ca"}, "metrics": 2, "token": "token", "bytes": uint(99), "operations": uint(4096),
		"fsync": false, "defragment": uint(defragmentBeyond),
	}, got); diff != "" {
		t.Error(diff)
	}
	for name, value := range map[string]string{"snapshot-count": "x", "max-concurrent-streams": "-1", "no-such-setting": "1", "feature-gates": "None=true"} {
		if _, err := (Config{Dir: t.TempDir(), Settings: map[string]string{name: value}}).embed(); err == nil {
			t.Errorf("--%s=%s was accepted", name, value)
		}
	}
}
