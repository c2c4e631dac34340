package flagset

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/coxswain-k8s/coxswain/cluster"
)

func TestAccessFlags(t *testing.T) {
	file := writeConfig(t, "anonymous-auth: false\noidc-issuer-url: https://a\noidc-client-id: b\noidc-required-claim: {x: one}\nauthorization-mode: [RBAC]\n"+
		"authentication-token-webhook-cache-ttl: 5s\nrequestheader-allowed-names: [front]\n")
	options := cluster.Default()
	flags := pflag.NewFlagSet("server", pflag.ContinueOnError)
	addAuthenticationFlags(flags, &options.AuthenticationOptions)
	addAuthorizationFlags(flags, &options.Authorization)
	if err := flags.Parse([]string{"--oidc-required-claim=hd=z", "--oidc-issuer-url=https://c", "--authorization-mode=Node,ABAC", "--authorization-policy-file=/p"}); err != nil {
		t.Fatal(err)
	}
	if err := ReadConfig(file, &options, flags); err != nil {
		t.Fatal(err)
	}
	want := cluster.Default()
	want.AnonymousAuth, want.IssuerURL, want.ClientID, want.RequiredClaims = false, "https://c", "b", map[string]string{"x": "one", "hd": "z"}
	want.Modes, want.PolicyFile = []string{"Node", "ABAC"}, "/p"
	want.TokenWebhookCacheTTL.Duration, want.RequestHeaderAllowedNames = 5*time.Second, []string{"front"}
	if diff := cmp.Diff(want, options); diff != "" {
		t.Error(diff)
	}
}
