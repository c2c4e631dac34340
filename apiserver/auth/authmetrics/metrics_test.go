package authmetrics

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	testingclock "k8s.io/utils/clock/testing"
)

func TestMetrics(t *testing.T) {
	m, c := New("server"), testingclock.NewFakePassiveClock(time.Unix(1000, 0))
	who := m.Authenticator(authenticator.RequestFunc(func(r *http.Request) (*authenticator.Response, bool, error) {
		switch name := r.Header.Get("User"); name {
		case "":
			return nil, false, nil
		case "wrong":
			return nil, false, errors.New("wrong")
		default:
			return &authenticator.Response{User: &user.DefaultInfo{Name: name}}, true, nil
		}
	}), c)
	for _, name := range []string{"", "wrong", "admin", "bob@example.org", "bob", "alice"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("User", name)
		_, _, _ = who.AuthenticateRequest(r)
	}
	what := m.Authorizer(authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		switch a.GetVerb() {
		case "get":
			return authorizer.DecisionAllow, "", errors.New("beside the point")
		case "list":
			return authorizer.DecisionDeny, "", nil
		case "watch":
			return authorizer.DecisionNoOpinion, "", errors.New("who knows")
		}
		return authorizer.DecisionNoOpinion, "", nil
	}), c)
	for _, verb := range []string{"get", "list", "watch", "create"} {
		_, _, _ = what.Authorize(context.Background(), authorizer.AttributesRecord{Verb: verb})
	}
	m.Decided("RBAC", "rbac", authorizer.DecisionAllow)
	m.Decided("RBAC", "rbac", authorizer.DecisionNoOpinion)
	m.AuthenticationConfiguration().Use([]byte("a"))
	m.AuthenticationConfiguration().Reloaded(time.Unix(5, 0), []byte("b"), nil)
	m.AuthenticationConfiguration().Reloaded(time.Unix(6, 0), []byte("c"), errors.New("wrong"))
	m.Keys("https://x", time.Unix(7, 0), []byte("one"))
	m.Keys("https://x", time.Unix(8, 0), []byte("two"))
	m.Account(StaleToken)
	(*Metrics)(nil).Account(ValidToken)
	m.Webhook("hook", "timeout", time.Second, true)

	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	recorder := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	shown := recorder.Body.String()
	for _, want := range []string{
		`apiserver_authentication_config_controller_automatic_reloads_total{apiserver_id_hash="SERVER",status="failure"} 1`,
		`apiserver_authentication_config_controller_automatic_reloads_total{apiserver_id_hash="SERVER",status="success"} 1`,
		`apiserver_authentication_config_controller_automatic_reload_last_timestamp_seconds{apiserver_id_hash="SERVER",status="success"} 5`,
		`apiserver_authentication_config_controller_last_config_info{apiserver_id_hash="SERVER",hash="B"} 1`,
		`apiserver_authentication_jwt_authenticator_jwks_fetch_last_key_set_info{apiserver_id_hash="SERVER",hash="TWO",jwt_issuer_hash="ISSUER"} 1`,
		`apiserver_authentication_jwt_authenticator_jwks_fetch_last_timestamp_seconds{apiserver_id_hash="SERVER",jwt_issuer_hash="ISSUER",result="success"} 8`,
		"serviceaccount_stale_tokens_total 1", "serviceaccount_valid_tokens_total 0", "serviceaccount_legacy_auto_token_uses_total 0",
		`apiserver_authorization_decisions_total{decision="allowed",name="rbac",type="RBAC"} 1`,
		`apiserver_authorization_webhook_evaluations_fail_open_total{name="hook",result="timeout"} 1`,
		`authenticated_user_requests{username="admin"} 1`, `authenticated_user_requests{username="email_id"} 1`, `authenticated_user_requests{username="other"} 2`,
		`authentication_attempts{result="error"} 1`, `authentication_attempts{result="failure"} 1`, `authentication_attempts{result="success"} 4`,
		`authorization_attempts_total{result="allowed"} 1`, `authorization_attempts_total{result="denied"} 1`,
		`authorization_attempts_total{result="error"} 1`, `authorization_attempts_total{result="no-opinion"} 1`,
	} {
		want = strings.NewReplacer("SERVER", hash([]byte("server")), "ISSUER", hash([]byte("https://x")), `"B"`, `"`+hash([]byte("b"))+`"`, "TWO", hash([]byte("two"))).Replace(want)
		if !strings.Contains(shown, want+"\n") {
			t.Errorf("not shown: %s", want)
		}
	}
	for _, gone := range []string{hash([]byte("a")), hash([]byte("one")), `name="rbac",type="RBAC",decision="no`} {
		if strings.Contains(shown, gone) {
			t.Errorf("still shown: %s", gone)
		}
	}
}
