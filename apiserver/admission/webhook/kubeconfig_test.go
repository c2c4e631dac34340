package webhook

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/coxswain-k8s/coxswain/apiserver/admission/configuration"
)

const admissionConfiguration = `
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: ValidatingAdmissionWebhook
  configuration: {apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration, kubeConfigFile: users}
- name: MutatingAdmissionWebhook
  path: mutating.yaml
`

const users = `
apiVersion: v1
kind: Config
users:
- {name: hook.ns.svc, user: {token: service}}
- {name: "hook.ns.svc:8443", user: {token: port}}
- {name: "*.ns.svc", user: {token: namespace}}
- {name: "*.svc", user: {token: services}}
- {name: example.com, user: {username: u, password: p}}
- {name: "*.example.com:99", user: {token: ninetynine}}
- {name: "*", user: {tokenFile: token}}
`

func TestCredentials(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"admission": admissionConfiguration, "users": users, "token": "any",
		"mutating.yaml": "{apiVersion: apiserver.config.k8s.io/v1, kind: WebhookAdmissionConfiguration}",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := configuration.Read(filepath.Join(dir, "admission"))
	if err != nil {
		t.Fatal(err)
	}
	if none, err := Credentials("MutatingAdmissionWebhook", file); none != nil || err != nil {
		t.Errorf("credentials without a kubeconfig, %v", err)
	}
	credentials, err := Credentials("ValidatingAdmissionWebhook", file)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, host := range []string{"hook.ns.svc", "hook.ns.svc:8443", "hook.ns.svc:9", "other.ns.svc", "a.b.svc", "example.com", "www.example.com:99", "www.example.com"} {
		if c := credentials(host); c != nil {
			got[host] = c.BearerToken + c.Username + c.Password + filepath.Base(c.BearerTokenFile)
		}
	}
	want := map[string]string{
		"hook.ns.svc": "service.", "hook.ns.svc:8443": "port.", "hook.ns.svc:9": "token", "other.ns.svc": "namespace.", "a.b.svc": "services.",
		"example.com": "up.", "www.example.com:99": "ninetynine.", "www.example.com": "token",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("who is shown to whom (-want +got):\n%s", diff)
	}
}
