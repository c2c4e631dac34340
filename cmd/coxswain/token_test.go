package main

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	bootstrap "k8s.io/cluster-bootstrap/token/api"

	"github.com/coxswain-k8s/coxswain/cluster/join"
)

func TestTokenGenerate(t *testing.T) {
	out, _, err := coxswain(t, "coxswain", "token", "generate")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := join.ParseToken(strings.TrimSuffix(out, "\n")); err != nil {
		t.Errorf("%q: %v", out, err)
	}
}

func TestTokenRow(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	token := join.Token{ID: "abcdef", Secret: "0123456789abcdef"}
	for want, secret := range map[string]*corev1.Secret{
		"abcdef.0123456789abcdef|<forever>|<never>|<none>|<none>|<none>": join.Secret(token, nil, nil, nil),
		"abcdef.0123456789abcdef|23h|2026-03-02T11:00:00Z|authentication,signing|for me|" + join.NodeGroup: join.Secret(token, map[string]string{
			bootstrap.BootstrapTokenExpirationKey: "2026-03-02T11:00:00Z", bootstrap.BootstrapTokenDescriptionKey: "for me",
		}, bootstrap.KnownTokenUsages, []string{join.NodeGroup}),
		"abcdef.0123456789abcdef|<invalid>|soon|<none>|<none>|<none>": join.Secret(token, map[string]string{bootstrap.BootstrapTokenExpirationKey: "soon"}, nil, nil),
	} {
		if got := strings.ReplaceAll(tokenRow(secret, now), "\t", "|"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestMistakesOfAgents(t *testing.T) {
	for want, args := range map[string][]string{
		"--server: the server \"10.0.0.1\" is no URL":                                       {"--server", "10.0.0.1"},
		"--token: the token has not the form abcdef.0123456789abcdef":                       {"--token", "sesame"},
		"--discovery-token-ca-cert-hash=0: want sha256:":                                    {"--discovery-token-ca-cert-hash", "0"},
		"--disable=controllers: unknown part; known are dns, local-storage, network, proxy": {"--disable", "controllers"},
		"--node-ip=here: not an IP address":                                                 {"--node-ip", "here"},
	} {
		_, _, err := coxswain(t, append([]string{"coxswain", "agent", "--data-dir", t.TempDir()}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("agent %v: %v, want %q", args, err, want)
		}
	}
}
