package secured

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// What is not known to be allowed is refused, whatever fails.
func TestGuardLetsNobodyInByMistake(t *testing.T) {
	somebody := &authenticator.Response{User: &user.DefaultInfo{Name: "jane"}}
	broken := errors.New("nobody answers")
	for name, c := range map[string]struct {
		who      *authenticator.Response
		whoErr   error
		decision authorizer.Decision
		mayErr   error
		want     int
	}{
		"allowed":                        {somebody, nil, authorizer.DecisionAllow, nil, http.StatusOK},
		"nobody":                         {nil, nil, authorizer.DecisionAllow, nil, http.StatusUnauthorized},
		"nobody can say who":             {nil, broken, authorizer.DecisionAllow, nil, http.StatusUnauthorized},
		"somebody, and a failure":        {somebody, broken, authorizer.DecisionAllow, nil, http.StatusUnauthorized},
		"no opinion":                     {somebody, nil, authorizer.DecisionNoOpinion, nil, http.StatusForbidden},
		"denied":                         {somebody, nil, authorizer.DecisionDeny, nil, http.StatusForbidden},
		"nobody can say what is allowed": {somebody, nil, authorizer.DecisionNoOpinion, broken, http.StatusInternalServerError},
		"denied, and a failure":          {somebody, nil, authorizer.DecisionDeny, broken, http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			served := false
			known := authenticator.RequestFunc(func(*http.Request) (*authenticator.Response, bool, error) { return c.who, c.who != nil, c.whoErr })
			may := authorizer.AuthorizerFunc(func(context.Context, authorizer.Attributes) (authorizer.Decision, string, error) {
				return c.decision, "", c.mayErr
			})
			answer := httptest.NewRecorder()
			guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { served = true }), known, may).ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
			if answer.Code != c.want || served != (c.want == http.StatusOK) {
				t.Errorf("answered %d, want %d; served: %t", answer.Code, c.want, served)
			}
		})
	}
}

// Where the API server cannot be reached, or is not named, nothing is open but what is open to all.
func TestPortWithoutAnAPIServer(t *testing.T) {
	const gone = "http://127.0.0.1:1" // nobody listens there, whoever else takes ports
	kubeconfig := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":{"server":%q}}],
		"contexts":[{"name":"c","context":{"cluster":"c"}}]}`, gone)
	if err := os.WriteFile(kubeconfig, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, settings := range map[string]Settings{
		"unreachable": {AuthenticationKubeconfig: kubeconfig, AuthorizationKubeconfig: kubeconfig},
		"not named":   {},
	} {
		t.Run(name, func(t *testing.T) {
			s := Default("part", 0)
			s.AuthenticationKubeconfig, s.AuthorizationKubeconfig = settings.AuthenticationKubeconfig, settings.AuthorizationKubeconfig
			server := &Server{Settings: s, Metrics: prometheus.NewRegistry()}
			known, err := server.authenticator(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			may, err := server.authorizer()
			if err != nil {
				t.Fatal(err)
			}
			port := httptest.NewUnstartedServer(guard(server.paths(), known, may))
			port.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
			port.StartTLS()
			defer port.Close()
			for _, c := range []struct {
				path, token string
				open        bool
			}{
				{"/healthz", "", true}, {"/livez", "", true}, {"/metrics", "", false}, {"/metrics", "a token", false},
				{"/debug/pprof/", "", false}, {"/healthz/../metrics", "", false}, {"//metrics", "", false},
			} {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, port.URL+c.path, nil)
				if err != nil {
					t.Fatal(err)
				}
				if c.token != "" {
					request.Header.Set("Authorization", "Bearer "+c.token)
				}
				answer, err := port.Client().Do(request)
				if err != nil {
					t.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				if open := answer.StatusCode == http.StatusOK; open != c.open {
					t.Errorf("%s with %q is answered with %s", c.path, c.token, answer.Status)
				}
			}
		})
	}
}

// A run that ended between the key and the certificate leaves a key alone: the next one makes both.
func TestKeyWithoutCertificate(t *testing.T) {
	s := Default("cox", 0)
	s.CertDir = t.TempDir()
	if err := os.WriteFile(filepath.Join(s.CertDir, "cox.key"), []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second finds what the first has left
		if _, err := s.certificate(); err != nil {
			t.Fatal(err)
		}
	}
}
