package filters

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	auditv1 "k8s.io/apiserver/pkg/apis/audit/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// knows recognizes everybody as the user, or nobody.
func knows(u user.Info) authenticator.Request {
	return authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) {
		if u == nil {
			return nil, false, errors.New("wrong password")
		}
		return &authenticator.Response{User: u}, true, nil
	})
}

func unauthorized(w http.ResponseWriter, _ *http.Request, err error) {
	http.Error(w, err.Error(), http.StatusUnauthorized)
}

// By whatever a caller was recognized: what it gave as credentials is not sent on by the proxies.
func TestCredentialsAreNotSentOn(t *testing.T) {
	c := &Chain{Authenticator: knows(&user.DefaultInfo{Name: "u"}), FrontProxy: Headers{Names: []string{"x-My-user"}, Prefixes: []string{"x-My-extra-"}}}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, name := range []string{
		"Authorization", "X-Remote-User", "X-Remote-Uid", "X-Remote-Group", "X-Remote-Extra-Scopes", "X-My-User", "X-My-Extra-Scopes",
		"Accept", "Impersonate-User", "X-Remote-Control",
	} {
		r.Header.Set(name, "x")
	}
	c.authenticate(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		want := http.Header{"Accept": {"x"}, "Impersonate-User": {"x"}, "X-Remote-Control": {"x"}}
		if diff := cmp.Diff(want, r.Header); diff != "" {
			t.Error(diff)
		}
	})).ServeHTTP(httptest.NewRecorder(), r)
}

// TestTokensOfKnownCallersAreForgotten: who is known by a certificate may still have sent a token; nothing behind the filters sees it.
func TestTokensOfKnownCallersAreForgotten(t *testing.T) {
	const token = "base64url.bearer.authorization.k8s.io.c2VjcmV0"
	c := &Chain{Authenticator: knows(&user.DefaultInfo{Name: "u"})}
	for sent, want := range map[string][]string{token + ", v4.channel.k8s.io": {"v4.channel.k8s.io"}, token: nil, "v4.channel.k8s.io": {"v4.channel.k8s.io"}} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/pods?watch=1", nil)
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Authorization", "Bearer secret")
		r.Header.Set("Sec-WebSocket-Protocol", sent)
		c.authenticate(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if got := r.Header.Values("Sec-WebSocket-Protocol"); r.Header.Get("Authorization") != "" || !slices.Equal(got, want) {
				t.Errorf("%s: %v went on", sent, r.Header)
			}
		})).ServeHTTP(httptest.NewRecorder(), r)
	}
}

type events []string

// Write implements audit.Sink.
func (e *events) Write(event *auditv1.Event) {
	code := int32(0)
	if event.ResponseStatus != nil {
		code = event.ResponseStatus.Code
	}
	*e = append(*e, strings.TrimSpace(strings.Join([]string{string(event.Stage), event.Verb, event.User.Username, http.StatusText(int(code))}, " ")))
}

func TestRefusedCredentialsAreRecorded(t *testing.T) {
	var seen events
	c := &Chain{Authenticator: knows(nil), Refuse: unauthorized, Audit: &audit.Log{
		Policy: &auditv1.Policy{Rules: []auditv1.PolicyRule{{Level: auditv1.LevelMetadata}}}, Sinks: []audit.Sink{&seen}, Clock: clock.RealClock{},
	}}
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/api/v1/pods", nil)
	c.authenticate(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it went on") })).
		ServeHTTP(w, r.WithContext(request.With(r.Context(), request.Parse(r))))
	if diff := cmp.Diff(events{"ResponseStarted list  Unauthorized"}, seen); diff != "" || w.Code != http.StatusUnauthorized {
		t.Errorf("answered with %d, recorded:%s", w.Code, diff)
	}
}

// CVE-2023-44487: who is not known has one request on an HTTP/2 connection.
func TestStrangersDoNotKeepHTTP2Connections(t *testing.T) {
	for why, test := range map[string]struct {
		who   user.Info
		major int
		want  string
	}{
		"known":              {&user.DefaultInfo{Name: "u", Groups: []string{user.AllAuthenticated}}, 2, ""},
		"anonymous":          {&user.DefaultInfo{Name: user.Anonymous}, 2, "close"},
		"unauthenticated":    {&user.DefaultInfo{Name: "u", Groups: []string{user.AllUnauthenticated}}, 2, "close"},
		"refused":            {nil, 2, "close"},
		"anonymous HTTP/1.1": {&user.DefaultInfo{Name: user.Anonymous}, 1, ""},
		"refused HTTP/1.1":   {nil, 1, ""},
	} {
		c := &Chain{Refuse: unauthorized, Authenticator: knows(nil)}
		if test.who != nil {
			c.Authenticator = knows(test.who)
		}
		w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
		r.ProtoMajor = test.major
		c.authenticate(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, r)
		if got := w.Header().Get("Connection"); got != test.want {
			t.Errorf("%s: %q, want %q", why, got, test.want)
		}
	}
}
