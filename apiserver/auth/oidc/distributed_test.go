package oidc

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
)

// Groups that are not in the token are fetched from where it says that they are, and believed if they are signed there.
func TestDistributedClaims(t *testing.T) {
	f := start(t, nil)
	server, err := authtest.NewIssuer() // the certificate is that of every server of httptest
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	var answer map[string]any
	server.Handle = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/plain" {
			http.Redirect(w, r, "http://"+r.Host+"/secret", http.StatusFound)
			return
		}
		if r.URL.Path == "/secret" && r.Header.Get("Authorization") != "Bearer key" {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		token, err := server.Token(answer)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write([]byte(token + "\n"))
	})
	at := func(path, token string) map[string]any {
		return map[string]any{"_claim_names": map[string]string{"groups": "src"}, "_claim_sources": map[string]any{"src": map[string]string{"endpoint": server.URL + path, "access_token": token}}}
	}
	with := func(claims map[string]any, key string, value any) map[string]any {
		claims[key] = value
		return claims
	}
	expiry := now.Add(time.Hour).Unix()
	good := map[string]any{"groups": []string{"a", "b"}, "aud": "cluster", "exp": expiry}
	for name, c := range map[string]struct {
		claims, answer map[string]any
		want           []string
		refuse         string
	}{
		"groups":                   {at("/groups", ""), good, []string{"a", "b"}, ""},
		"a token for the source":   {at("/secret", "key"), good, []string{"a", "b"}, ""},
		"a wrong one":              {at("/secret", "other"), good, nil, "401 Unauthorized"},
		"groups in the token":      {with(at("/secret", "other"), "groups", []string{"c"}), good, []string{"c"}, ""},
		"another claim elsewhere":  {with(at("/secret", "other"), "_claim_names", map[string]string{"more": "src"}), good, nil, ""},
		"names that are no object": {with(at("/groups", ""), "_claim_names", "groups"), good, nil, "parsing claim names"},
		"sources that are none":    {with(at("/groups", ""), "_claim_sources", nil), good, nil, `claim sources has no source "src"`},
		"a source without TLS": {with(at("/groups", ""), "_claim_sources", map[string]any{"src": map[string]string{"endpoint": "http://169.254.169.254/"}}),
			good, nil, "is not an https URL"},
		"a redirect to one without": {at("/plain", "key"), good, nil, "is not an https URL"},
		"without groups":            {at("/groups", ""), map[string]any{"aud": "cluster", "exp": expiry}, nil, `did not contain claim: groups`},
		"for others":                {at("/groups", ""), map[string]any{"groups": "a", "aud": "other", "exp": expiry}, nil, "expected audience"},
		"expired":                   {at("/groups", ""), map[string]any{"groups": "a", "aud": "cluster", "exp": now.Unix() - 1}, nil, "token is expired"},
		"as if another signed it":   {at("/groups", ""), map[string]any{"iss": f.URL, "groups": "a", "aud": "cluster", "exp": expiry}, nil, "failed to verify id token signature"},
		"of nobody":                 {at("/groups", ""), map[string]any{"iss": "", "groups": "a", "aud": "cluster", "exp": expiry}, nil, "is not an https URL"},
	} {
		answer = c.answer
		got, refused := f.ask(t, c.claims)
		if (refused != "") != (c.refuse != "") || !strings.Contains(refused, c.refuse) {
			t.Errorf("%s: %q", name, refused)
		}
		if c.refuse != "" {
			continue
		}
		if diff := cmp.Diff(&user.DefaultInfo{Name: "oidc:bob", Groups: c.want}, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if n := server.Fetched.Load(); n != 1 {
		t.Errorf("the keys of the source were fetched %d times", n)
	}
}

// The issuer cannot have us remember the keys of any number of servers.
func TestSourcesAreBounded(t *testing.T) {
	var s sources
	for i := range maxSources + 1 {
		_, err := s.keysOf("https://source-" + strings.Repeat("x", i))
		if (err != nil) != (i == maxSources) {
			t.Fatalf("%d: %v", i, err)
		}
	}
}
