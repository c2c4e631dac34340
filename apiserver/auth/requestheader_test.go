package auth

import (
	"crypto/x509"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	testingclock "k8s.io/utils/clock/testing"
)

// A front proxy is believed for the certificate that it shows; everybody else's headers mean nothing.
func TestRequestHeader(t *testing.T) {
	proxies, clients := newAuthority(t), newAuthority(t)
	proxyPool, clientPool := x509.NewCertPool(), x509.NewCertPool()
	proxyPool.AddCert(proxies.cert)
	clientPool.AddCert(clients.cert)
	clock := testingclock.NewFakeClock(time.Unix(1500, 0))
	a := &Authenticator{Anonymous: true, Requests: []authenticator.Request{
		&RequestHeader{
			Roots: func() *x509.CertPool { return proxyPool }, Clock: clock, AllowedNames: []string{"front"},
			UserHeaders: []string{"X-Remote-User", "X-Other-User"}, UIDHeaders: []string{"X-Remote-Uid"}, GroupHeaders: []string{"X-Remote-Group"}, ExtraPrefixes: []string{"X-Remote-Extra-"},
		},
		&ClientCertificates{Roots: func() *x509.CertPool { return clientPool }, Clock: clock},
	}}
	headers := http.Header{
		"X-Remote-User": {"bob"}, "X-Remote-Uid": {"7"}, "X-Remote-Group": {"a", "b"},
		"X-Remote-Extra-Scopes": {"x", "y"}, "X-Remote-Extra-Example.org%2freason": {"z"}, "Accept": {"text/plain"},
	}
	for name, c := range map[string]struct {
		certificate *x509.Certificate
		want        *user.DefaultInfo
	}{
		"front proxy": {proxies.client(t, "front"), &user.DefaultInfo{Name: "bob", UID: "7", Groups: []string{"a", "b", user.AllAuthenticated},
			Extra: map[string][]string{"scopes": {"x", "y"}, "example.org/reason": {"z"}}}},
		"a name that is not allowed": {proxies.client(t, "other"), nil},
		"a client with headers":      {clients.client(t, "eve"), &user.DefaultInfo{Name: "eve", Groups: []string{user.AllAuthenticated}}},
	} {
		r := ask(c.certificate)
		r.Header = headers.Clone()
		response, ok, err := a.AuthenticateRequest(r)
		if c.want == nil {
			if ok || err == nil {
				t.Errorf("%s: %v %v", name, response, err)
			}
			continue
		}
		if !ok || err != nil {
			t.Errorf("%s: %v %v", name, ok, err)
			continue
		}
		got := *response.User.(*user.DefaultInfo)
		if name != "front proxy" {
			got.Extra = nil // what names the certificate
		} else if diff := cmp.Diff(http.Header{"Accept": {"text/plain"}}, r.Header); diff != "" {
			t.Errorf("headers are passed on: %s", diff)
		}
		if diff := cmp.Diff(*c.want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	anonymous := ask()
	anonymous.Header = headers.Clone()
	if response, ok, err := a.AuthenticateRequest(anonymous); !ok || err != nil || response.User.GetName() != user.Anonymous {
		t.Errorf("headers without a certificate: %+v %v", response, err)
	}
}

func TestAnonymousPaths(t *testing.T) {
	a := &Authenticator{Anonymous: true, AnonymousPaths: []string{"/livez"}}
	for path, allowed := range map[string]bool{"/livez": true, "/livez/": false, "/api": false} {
		r := ask()
		r.URL.Path = path
		if _, ok, err := a.AuthenticateRequest(r); ok != allowed || err != nil {
			t.Errorf("%s: %v %v", path, ok, err)
		}
	}
}
