package oidc

import (
	"context"
	"testing"

	"k8s.io/apiserver/pkg/apis/apiserver"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
)

// No token that the issuer has not signed is ever accepted, whatever it looks like.
func FuzzToken(f *testing.F) {
	provider, err := authtest.NewIssuer()
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(provider.Close)
	signed, err := provider.Token(map[string]any{"iss": "https://issuer", "sub": "bob", "aud": "other", "exp": now.Unix() + 1})
	if err != nil {
		f.Fatal(err)
	}
	issuers, err := NewIssuers([]apiserver.JWTAuthenticator{{
		Issuer:        apiserver.Issuer{URL: "https://issuer", DiscoveryURL: provider.URL + wellKnown, CertificateAuthority: provider.CA(), Audiences: []string{"cluster"}},
		ClaimMappings: apiserver.ClaimMappings{Username: apiserver.PrefixedClaimOrExpression{Claim: "sub", Prefix: ptr.To("")}},
	}}, Settings{Clock: testingclock.NewFakePassiveClock(now), Metrics: authmetrics.New("test")})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{"", ".", "..", "a.b.c", signed, signed + ".", "eyJhbGciOiJub25lIn0.eyJpc3MiOiJodHRwczovL2lzc3VlciJ9.", "e30.eyJpc3MiOiJodHRwczovL2lzc3VlciJ9.AA"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if response, ok, _ := issuers.AuthenticateToken(context.Background(), token); ok || response != nil {
			t.Errorf("%q is %+v", token, response)
		}
	})
}
