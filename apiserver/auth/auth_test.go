package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	testingclock "k8s.io/utils/clock/testing"
)

type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{}
	a.key, a.cert = a.make(t, &x509.Certificate{Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return a
}

func (a *authority) make(t *testing.T, template *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(7), time.Unix(1000, 0), time.Unix(2000, 0)
	parent, signer := template, key
	if a.cert != nil {
		parent, signer = a.cert, a.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, made
}

func (a *authority) client(t *testing.T, name string, groups ...string) *x509.Certificate {
	_, c := a.make(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name, Organization: groups}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return c
}

func ask(certificates ...*x509.Certificate) *http.Request {
	r := httptest.NewRequest("GET", "/api", nil)
	if len(certificates) > 0 {
		r.TLS = &tls.ConnectionState{PeerCertificates: certificates}
	}
	return r
}

func TestClientCertificates(t *testing.T) {
	ca, other := newAuthority(t), newAuthority(t)
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	clock := testingclock.NewFakeClock(time.Unix(1500, 0))
	c := &Authenticator{Anonymous: true, Requests: []authenticator.Request{
		&ClientCertificates{Roots: func() *x509.CertPool { return pool }, Clock: clock},
	}}
	good := ca.client(t, "bob", "dev", "ops")
	for range 2 { // the second time from memory
		response, ok, err := c.AuthenticateRequest(ask(good))
		if err != nil || !ok || response.User.GetName() != "bob" || !cmp.Equal(response.User.GetGroups(), []string{"dev", "ops", "system:authenticated"}) ||
			!strings.HasPrefix(response.User.GetExtra()[user.CredentialIDKey][0], "X509SHA256=") {
			t.Fatalf("%v %v %+v", ok, err, response)
		}
	}
	if _, ok, err := c.AuthenticateRequest(ask(other.client(t, "bob"))); ok || err == nil {
		t.Error("a certificate of another authority was believed, or its owner taken for anonymous")
	}
	_, server := ca.make(t, &x509.Certificate{Subject: pkix.Name{CommonName: "x"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	if _, ok, _ := c.AuthenticateRequest(ask(server)); ok {
		t.Error("a serving certificate was taken for a client's")
	}
	clock.SetTime(time.Unix(2001, 0))
	if _, ok, _ := c.AuthenticateRequest(ask(good)); ok {
		t.Error("an expired certificate was believed from memory")
	}
	response, ok, err := c.AuthenticateRequest(ask())
	if err != nil || !ok || response.User.GetName() != user.Anonymous || !cmp.Equal(response.User.GetGroups(), []string{user.AllUnauthenticated}) {
		t.Errorf("%v %v %+v", ok, err, response)
	}
}

func TestBearerTokens(t *testing.T) {
	known := authenticator.TokenFunc(func(_ context.Context, token string) (*authenticator.Response, bool, error) {
		return &authenticator.Response{User: &user.DefaultInfo{Name: "bob"}}, token == "good", nil
	})
	a := &Authenticator{Anonymous: true, Requests: []authenticator.Request{&BearerTokens{Tokens: []authenticator.Token{known}}}}
	good := ask()
	good.Header.Set("Authorization", "Bearer good")
	if response, ok, err := a.AuthenticateRequest(good); !ok || err != nil || response.User.GetName() != "bob" || good.Header.Get("Authorization") != "" {
		t.Errorf("%v %v", ok, err)
	}
	bad := ask()
	bad.Header.Set("Authorization", "Bearer bad")
	if _, ok, err := a.AuthenticateRequest(bad); ok || !errors.Is(err, ErrInvalidToken) {
		t.Errorf("a wrong token: %v %v", ok, err)
	}
	socket := ask()
	socket.Header.Set("Upgrade", "websocket")
	socket.Header.Set("Sec-WebSocket-Protocol", "v5.channel.k8s.io, "+webSocketPrefix+base64.RawURLEncoding.EncodeToString([]byte("good")))
	if response, ok, err := a.AuthenticateRequest(socket); !ok || err != nil || response.User.GetName() != "bob" ||
		socket.Header.Get("Sec-WebSocket-Protocol") != "v5.channel.k8s.io" {
		t.Errorf("%v %v %v", ok, err, socket.Header)
	}
}

func TestNoHeaderIsAnIdentity(t *testing.T) {
	a := &Authenticator{Anonymous: true}
	r := ask()
	for _, header := range []string{"X-Remote-User", "Impersonate-User", "User"} {
		r.Header.Set(header, "admin")
	}
	if response, _, _ := a.AuthenticateRequest(r); response.User.GetName() != user.Anonymous {
		t.Errorf("%+v", response.User)
	}
	inside := r.WithContext(WithUser(r.Context(), &user.DefaultInfo{Name: "scheduler"}))
	if response, _, _ := a.AuthenticateRequest(inside); response.User.GetName() != "scheduler" {
		t.Errorf("%+v", response.User)
	}
}

func TestRemembersABoundedNumber(t *testing.T) {
	var memory Bounded[int, int]
	for i := range 10 * maxRemembered {
		memory.Put(i, i)
		memory.Get(0)
	}
	if n := len(memory.young) + len(memory.old); n > maxRemembered {
		t.Errorf("%d are remembered", n)
	}
	if _, ok := memory.Get(0); !ok {
		t.Error("what is asked for again and again was forgotten")
	}
}

func TestImpersonate(t *testing.T) {
	allow := func(verbs ...string) authorizer.Authorizer {
		return authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			for _, verb := range verbs {
				if a.GetVerb()+" "+a.GetResource() == verb {
					return authorizer.DecisionAllow, "", nil
				}
			}
			return authorizer.DecisionNoOpinion, "", nil
		})
	}
	all := []string{"impersonate-on:user-info:list pods", "impersonate:user-info users", "impersonate:user-info groups", "impersonate:user-info userextras"}
	for _, c := range []struct {
		authz     authorizer.Authorizer
		headers   string
		name      string
		groups    []string
		wantError string
	}{
		{allow("impersonate users"), "Impersonate-User=bob", "bob", []string{"system:authenticated"}, ""},
		{allow("impersonate serviceaccounts"), "Impersonate-User=system:serviceaccount:a:b", "system:serviceaccount:a:b",
			[]string{"system:serviceaccounts", "system:serviceaccounts:a", "system:authenticated"}, ""},
		{allow("impersonate users"), "Impersonate-User=system:node:n1", "system:node:n1", []string{"system:authenticated"}, ""},
		{allow("impersonate users"), "Impersonate-User=system:anonymous", "system:anonymous", []string{"system:unauthenticated"}, ""},
		{allow("impersonate users", "impersonate groups"), "Impersonate-User=bob Impersonate-Group=g", "bob", []string{"g", "system:authenticated"}, ""},
		{allow("impersonate users"), "Impersonate-User=bob Impersonate-Group=system:masters", "", nil,
			`pods is forbidden: User "me" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "default"`},
		{allow("impersonate-on:user-info:list pods", "impersonate:user-info users"), "Impersonate-User=bob", "bob", []string{"system:authenticated"}, ""},
		{allow("impersonate-on:user-info:list pods", "impersonate:user-info users"), "Impersonate-User=bob Impersonate-Group=g", "", nil,
			`groups.authentication.k8s.io "g" is forbidden: User "me" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope`},
		{allow("impersonate-on:arbitrary-node:list pods", "impersonate:arbitrary-node nodes"), "Impersonate-User=system:node:n1", "system:node:n1", []string{"system:nodes", "system:authenticated"}, ""},
		{allow(all...), "Impersonate-User=system:node:UP", "system:node:UP", []string{"system:authenticated"}, ""},
		{allow(all...), "Impersonate-User=bob Impersonate-Extra-Example.com%2fx=v", "bob", []string{"system:authenticated"}, ""},
		{allow(all...), "Impersonate-User=bob Impersonate-Group=system:masters", "", nil,
			`groups.authentication.k8s.io "system:masters" is forbidden: User "me" cannot impersonate:user-info resource "groups" in API group "authentication.k8s.io" at the cluster scope: impersonating the system:masters group is not allowed`},
		{allow(all...), "Impersonate-User=bob Impersonate-Extra-Scopes=v", "", nil,
			`userextras.authentication.k8s.io is forbidden: User "me" cannot impersonate:user-info resource "userextras" in API group "authentication.k8s.io" at the cluster scope: ` +
				`impersonating an invalid key in extra is not allowed: extra.key: Invalid value: "scopes": must be a domain-prefixed path (such as "acme.io/foo")`},
		{allow(all...), "Impersonate-User=bob Impersonate-Extra-Example.com%2fx=", "", nil,
			`userextras.authentication.k8s.io is forbidden: User "me" cannot impersonate:user-info resource "userextras" in API group "authentication.k8s.io" at the cluster scope: impersonating the empty string value in extra is not allowed`},
		{allow(), "Impersonate-Group=g", "", nil,
			`requested &user.DefaultInfo{Name:"", UID:"", Groups:[]string{"g"}, Extra:map[string][]string(nil)} without impersonating a user name`},
	} {
		r := httptest.NewRequest("GET", "/api/v1/namespaces/default/pods", nil)
		for _, pair := range strings.Fields(c.headers) {
			name, value, _ := strings.Cut(pair, "=")
			r.Header.Add(name, value)
		}
		u, err := (&Impersonator{Authorizer: c.authz}).Request(r, &user.DefaultInfo{Name: "me"})
		if c.wantError != "" {
			if err == nil || err.Error() != c.wantError {
				t.Errorf("%s: %v\nwant %s", c.headers, err, c.wantError)
			}
			continue
		}
		if err != nil || u.GetName() != c.name || !cmp.Equal(u.GetGroups(), c.groups) || r.Header.Get("Impersonate-User") != "" {
			t.Errorf("%s: %+v %v", c.headers, u, err)
		}
	}
}
