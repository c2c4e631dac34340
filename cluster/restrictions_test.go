package cluster

import (
	"context"
	"crypto/tls"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
)

// What is switched off is not there.
func TestRestrictionsOfServer(t *testing.T) {
	options := alone(t.TempDir())
	options.Token, options.EnableBootstrapTokenAuth = "abcdef.0123456789abcdef", false
	options.Profiling, options.TLSMinVersion = false, "VersionTLS13"
	running, _ := started(t, options)
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

// An API server alone, which no machine may join, has the Secrets and ConfigMaps that upstream's has: tests of operators list them.
func TestAnAPIServerAloneHoldsNoInvitations(t *testing.T) {
	options := ForTest(t.TempDir())
	options.Disable = append(options.Disable, Agent, Scheduler, Controllers, LocalStorage)
	options.EnableBootstrapTokenAuth = false
	_, c := started(t, options)
	var secrets corev1.SecretList
	var configs corev1.ConfigMapList
	if err := c.List(t.Context(), &secrets); err != nil {
		t.Fatal(err)
	}
	if err := c.List(t.Context(), &configs); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, secret := range secrets.Items {
		names = append(names, "Secret "+secret.Name)
	}
	for _, config := range configs.Items {
		names = append(names, config.Name)
	}
	if diff := cmp.Diff([]string{"extension-apiserver-authentication", "kube-apiserver-legacy-service-account-token-tracking"}, names); diff != "" {
		t.Errorf("upstream's (-), ours (+):\n%s", diff)
	}
}

// silent is told of requests.
type silent struct{}

func (silent) Write(*auditv1.Event) {}

// Who is to be told of requests is told of none without a policy: that is refused, not passed over.
func TestRecordingNeedsAPolicy(t *testing.T) {
	var o Options
	o.AuditSink = silent{}
	if _, err := (&controlPlane{options: &o}).newAudit(t.Context()); err == nil || !strings.Contains(err.Error(), "--audit-policy-file") {
		t.Errorf("got %v", err)
	}
}
