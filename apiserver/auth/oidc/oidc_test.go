package oidc

import (
	"context"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/apis/apiserver"
	"k8s.io/apiserver/pkg/authentication/user"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authtest"
)

var now = time.Unix(1_800_000_000, 0)

type fixture struct {
	*authtest.Issuer
	*Issuers
	clock *testingclock.FakePassiveClock
}

// start runs a provider and an authenticator that is configured for it.
func start(t *testing.T, change func(*apiserver.JWTAuthenticator)) *fixture {
	t.Helper()
	provider, err := authtest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.Close)
	config := apiserver.JWTAuthenticator{
		Issuer: apiserver.Issuer{URL: provider.URL, CertificateAuthority: provider.CA(), Audiences: []string{"cluster"}},
		ClaimMappings: apiserver.ClaimMappings{
			Username: apiserver.PrefixedClaimOrExpression{Claim: "sub", Prefix: ptr.To("oidc:")},
			Groups:   apiserver.PrefixedClaimOrExpression{Claim: "groups", Prefix: ptr.To("")},
		},
	}
	if change != nil {
		change(&config)
	}
	f := &fixture{Issuer: provider, clock: testingclock.NewFakePassiveClock(now)}
	f.Issuers, err = NewIssuers([]apiserver.JWTAuthenticator{config}, Settings{Clock: f.clock, Metrics: authmetrics.New("test")})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// ask presents a token with the claims, and those that each needs.
func (f *fixture) ask(t *testing.T, claims map[string]any) (*user.DefaultInfo, string) {
	t.Helper()
	all := map[string]any{"sub": "bob", "aud": "cluster", "exp": f.clock.Now().Add(time.Hour).Unix()}
	for key, value := range claims {
		if all[key] = value; value == nil {
			delete(all, key)
		}
	}
	token, err := f.Token(all)
	if err != nil {
		t.Fatal(err)
	}
	response, ok, err := f.AuthenticateToken(context.Background(), token)
	if err != nil {
		return nil, err.Error()
	}
	if !ok {
		return nil, "not mine"
	}
	return response.User.(*user.DefaultInfo), ""
}

func TestTokens(t *testing.T) {
	f := start(t, nil)
	for name, c := range map[string]struct {
		claims map[string]any
		want   *user.DefaultInfo
		refuse string
	}{
		"groups, and an id": {map[string]any{"groups": []string{"a", "b"}, "jti": "7"},
			&user.DefaultInfo{Name: "oidc:bob", Groups: []string{"a", "b"}, Extra: map[string][]string{user.CredentialIDKey: {"JTI=7"}}}, ""},
		"one group":          {map[string]any{"groups": "a"}, &user.DefaultInfo{Name: "oidc:bob", Groups: []string{"a"}}, ""},
		"several audiences":  {map[string]any{"aud": []string{"x", "cluster"}}, &user.DefaultInfo{Name: "oidc:bob"}, ""},
		"wrong groups":       {map[string]any{"groups": 3}, nil, `parse groups claim "groups"`},
		"another issuer":     {map[string]any{"iss": "https://other"}, nil, "not mine"},
		"another audience":   {map[string]any{"aud": "x"}, nil, "expected audience \"cluster\""},
		"no audience":        {map[string]any{"aud": nil}, nil, "expected audience \"cluster\""},
		"expired":            {map[string]any{"exp": now.Unix() - 1}, nil, "token is expired"},
		"without an end":     {map[string]any{"exp": nil}, nil, "does not say when"},
		"not yet":            {map[string]any{"nbf": now.Add(time.Hour).Unix()}, nil, "before the nbf"},
		"a clock a bit fast": {map[string]any{"nbf": now.Add(50 * time.Second).Unix()}, &user.DefaultInfo{Name: "oidc:bob"}, ""},
		"nobody":             {map[string]any{"sub": nil}, nil, `parse username claims "sub": claim not present`},
		"no string":          {map[string]any{"sub": 5}, nil, `parse username claims "sub"`},
	} {
		got, refused := f.ask(t, c.claims)
		if diff := cmp.Diff(c.want, got); diff != "" || (refused != "") != (c.refuse != "") || !strings.Contains(refused, c.refuse) {
			t.Errorf("%s: %s %s", name, refused, diff)
		}
	}
	if n := f.Fetched.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

func TestSignatures(t *testing.T) {
	f := start(t, nil)
	other, err := authtest.NewIssuer()
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	forged, err := other.Token(map[string]any{"iss": f.URL, "sub": "bob", "aud": "cluster", "exp": now.Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := f.AuthenticateToken(context.Background(), forged); ok || err == nil || !strings.Contains(err.Error(), "failed to verify id token signature") {
		t.Errorf("a token that another has signed: %v %v", ok, err)
	}
	parts := strings.Split(forged, ".")
	none := "eyJhbGciOiJub25lIn0." + parts[1] + "."
	if _, ok, err := f.AuthenticateToken(context.Background(), none); ok || err == nil {
		t.Errorf("a token that nobody has signed: %v %v", ok, err)
	}
}

func TestKeyRotation(t *testing.T) {
	f := start(t, nil)
	rotate := func(publish bool) {
		if err := f.Rotate(publish); err != nil {
			t.Fatal(err)
		}
	}
	if _, refused := f.ask(t, nil); refused != "" {
		t.Fatal(refused)
	}
	rotate(true)
	f.clock.SetTime(now.Add(2 * time.Second))
	if _, refused := f.ask(t, nil); refused != "" || f.Fetched.Load() != 2 {
		t.Errorf("after a rotation: %s, fetched %d times", refused, f.Fetched.Load())
	}
	rotate(false)
	for range 5 { // tokens with unknown keys do not let others make us ask the issuer again and again
		if _, refused := f.ask(t, nil); !strings.Contains(refused, "failed to verify id token signature") {
			t.Errorf("a key that is not published: %q", refused)
		}
	}
	if n := f.Fetched.Load(); n != 2 {
		t.Errorf("fetched %d times within a second", n)
	}
}

func TestKeysThatAreWithdrawn(t *testing.T) {
	f := start(t, nil)
	if _, refused := f.ask(t, nil); refused != "" {
		t.Fatal(refused)
	}
	f.Withdraw()
	f.clock.SetTime(now.Add(keysLast + time.Second))
	if u, refused := f.ask(t, nil); u != nil || refused == "" {
		t.Errorf("a key that the issuer has withdrawn for over an hour is believed: %v", u)
	}
}

func TestExpressions(t *testing.T) {
	f := start(t, func(c *apiserver.JWTAuthenticator) {
		c.ClaimMappings = apiserver.ClaimMappings{
			Username: apiserver.PrefixedClaimOrExpression{Expression: "claims.name + ':' + claims.sub"},
			Groups:   apiserver.PrefixedClaimOrExpression{Expression: "claims.roles.split(',')"},
			UID:      apiserver.ClaimOrExpression{Expression: "claims.?uid.orValue('none')"},
			Extra:    []apiserver.ExtraMapping{{Key: "example.org/tier", ValueExpression: "claims.?tier.orValue('')"}, {Key: "example.org/two", ValueExpression: "['x', 'y']"}},
		}
		c.ClaimValidationRules = []apiserver.ClaimValidationRule{
			{Claim: "hd", RequiredValue: "example.org"},
			{Expression: "claims.exp - claims.iat <= 86400", Message: "no longer than a day"},
		}
		c.UserValidationRules = []apiserver.UserValidationRule{
			{Expression: "!user.username.startsWith('system:')", Message: "reserved"},
			{Expression: "user.groups.all(group, !group.startsWith('system:'))"},
		}
	})
	good := map[string]any{"name": "n", "roles": "a,b", "hd": "example.org", "iat": now.Unix(), "tier": "gold"}
	with := func(key string, value any) map[string]any {
		changed := map[string]any{key: value}
		for name, other := range good {
			if name != key {
				changed[name] = other
			}
		}
		return changed
	}
	want := &user.DefaultInfo{Name: "n:bob", UID: "none", Groups: []string{"a", "b"},
		Extra: map[string][]string{"example.org/tier": {"gold"}, "example.org/two": {"x", "y"}}}
	got, refused := f.ask(t, good)
	if diff := cmp.Diff(want, got); diff != "" || refused != "" {
		t.Errorf("%s %s", refused, diff)
	}
	for _, c := range []struct {
		claims map[string]any
		refuse string
	}{
		{with("hd", "x"), "required claim hd value does not match. Got = x, want = example.org"},
		{with("hd", nil), "required claim hd not present in ID token"},
		{with("iat", now.Unix()-100000), "validation expression 'claims.exp - claims.iat <= 86400' failed: no longer than a day"},
		{with("name", "system"), "validation expression '!user.username.startsWith('system:')' failed: reserved"},
		{with("roles", "system:masters"), "failed"},
		{with("name", 7), "error evaluating username claim expression"},
	} {
		if _, refused := f.ask(t, c.claims); !strings.Contains(refused, c.refuse) || refused == "" {
			t.Errorf("%v: %q", c.claims, refused)
		}
	}
}

func TestEmail(t *testing.T) {
	f := start(t, func(c *apiserver.JWTAuthenticator) {
		c.ClaimMappings.Username = apiserver.PrefixedClaimOrExpression{Claim: "email", Prefix: ptr.To("")}
	})
	for _, c := range []struct {
		verified any
		refuse   string
	}{{nil, ""}, {true, ""}, {false, "email not verified"}, {"yes", "email_verified"}} {
		_, refused := f.ask(t, map[string]any{"email": "bob@example.org", "email_verified": c.verified})
		if (refused == "") != (c.refuse == "") || !strings.Contains(refused, c.refuse) {
			t.Errorf("email_verified %v: %q", c.verified, refused)
		}
	}
}

func TestDiscoveryElsewhere(t *testing.T) {
	f := start(t, func(c *apiserver.JWTAuthenticator) {
		c.Issuer.DiscoveryURL = c.Issuer.URL + "/.well-known/openid-configuration"
		c.Issuer.URL = "https://issuer.example.org"
	})
	if _, refused := f.ask(t, map[string]any{"iss": "https://issuer.example.org"}); !strings.Contains(refused, "did not match the issuer returned by provider") {
		t.Errorf("a document of another issuer was believed: %q", refused)
	}
	f.Rename("https://issuer.example.org")
	f.clock.SetTime(now.Add(2 * time.Second))
	if _, refused := f.ask(t, nil); refused != "" {
		t.Error(refused)
	}
	if err := f.Ready(context.Background()); err != nil {
		t.Error(err)
	}
}

// An issuer that accepts connections and says nothing does not keep a server from ending.
func TestSilentIssuerEndsWithTheServer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, stop := context.WithCancel(t.Context())
	keys := newKeys(apiserver.Issuer{URL: "https://" + silent.Addr().String()}, http.DefaultClient,
		Settings{Lasting: ctx, Clock: testingclock.NewFakePassiveClock(now), Metrics: authmetrics.New("test")})
	ended := make(chan error, 1)
	go func() { ended <- keys.ready(ctx) }()
	connection, err := silent.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	stop()
	select {
	case err := <-ended:
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the issuer is still being asked")
	}
}

// A changed configuration does not forget the keys of issuers that are asked as before.
func TestKeysOutlastReloads(t *testing.T) {
	first := start(t, nil)
	config := first.issuers[first.URL].config
	current := &Current{}
	current.Use(first.Issuers)
	if err := first.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	reload := func(change func(*apiserver.JWTAuthenticator)) *Issuers {
		t.Helper()
		changed := config
		change(&changed)
		made, err := NewIssuers([]apiserver.JWTAuthenticator{changed}, Settings{Clock: first.clock, Metrics: authmetrics.New("test")})
		if err != nil {
			t.Fatal(err)
		}
		current.Use(made)
		return made
	}
	made := reload(func(c *apiserver.JWTAuthenticator) { c.Issuer.Audiences = []string{"another"} })
	if err := made.Ready(t.Context()); err != nil || first.Fetched.Load() != 1 {
		t.Errorf("%v; the keys were fetched %d times", err, first.Fetched.Load())
	}
	made = reload(func(c *apiserver.JWTAuthenticator) { c.Issuer.DiscoveryURL = c.Issuer.URL + "/elsewhere" })
	if known := made.issuers[first.URL].keys.known.Load(); len(known.keys) > 0 {
		t.Error("keys from another place are believed")
	}
}

func TestClaimsThatAreTexts(t *testing.T) {
	c := claims{"one": "a", "more": []any{"a", "b"}, "none": nil, "wrong": 3.0}
	for name, want := range map[string][]string{"one": {"a"}, "more": {"a", "b"}, "none": nil} {
		if got, err := c.texts(name); err != nil || !cmp.Equal(want, got) {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	if _, err := c.texts("wrong"); err == nil {
		t.Error("a number is a text")
	}
}
