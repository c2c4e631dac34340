package webhook_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/admissiontest"
)

// TestCallsShowConfiguredCredentialsOnly: a webhook is shown what the kubeconfig of its plugin has for it, and nothing of what came
// with the request that it is asked about.
func TestCallsShowConfiguredCredentialsOnly(t *testing.T) {
	if admissiontest.Recording() {
		t.Skip("needs a server that is configured for a port of its own")
	}
	h := newHookServer(t)
	seen := make(chan http.Header, 100)
	inner := h.Config.Handler
	h.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case seen <- r.Header.Clone():
		default:
		}
		inner.ServeHTTP(w, r)
	})
	h.reply = always(object{"allowed": true})
	dir := t.TempDir()
	for name, text := range map[string]string{
		"users": fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","users":[{"name":%q,"user":{"token":"its-own"}}]}`, strings.TrimPrefix(h.URL, "https://")),
		"admission": `{"apiVersion":"apiserver.config.k8s.io/v1","kind":"AdmissionConfiguration","plugins":[{"name":"ValidatingAdmissionWebhook","configuration":` +
			`{"apiVersion":"apiserver.config.k8s.io/v1","kind":"WebhookAdmissionConfiguration","kubeConfigFile":"users"}}]}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct{ name, kind, configuration, want string }{
		{"configured", validating, filepath.Join(dir, "admission"), "Bearer its-own"},
		{"of the other plugin", mutating, filepath.Join(dir, "admission"), ""},
		{"none", validating, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := admissiontest.StartWith(t, admissiontest.Options{Configuration: c.configuration})
			s.Headers = http.Header{
				"Authorization": {"Bearer of-the-caller"}, "Cookie": {"a=b"}, "X-Remote-User": {"root"}, "Impersonate-User": {"root"},
			}
			h.configure(t, s, c.kind, h.webhook("/hook"))
			s.Must(create[0], create[1], create[2])
			for len(seen) > 0 {
				header := <-seen
				if got := header.Get("Authorization"); got != c.want {
					t.Errorf("the webhook was shown %q, and not %q", got, c.want)
				}
				for _, name := range []string{"Cookie", "X-Remote-User", "Impersonate-User"} {
					if got := header.Get(name); got != "" {
						t.Errorf("the webhook was shown %s: %s", name, got)
					}
				}
			}
		})
	}
}
