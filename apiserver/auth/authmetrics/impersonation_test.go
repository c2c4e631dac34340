package authmetrics_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/authmetrics"
)

// Attempts to be another are counted, and what the authorizer was asked on the way: first about the modes that allow only some actions.
func TestImpersonationsAreCounted(t *testing.T) {
	m := authmetrics.New("server")
	allowed := map[string]bool{
		"impersonate-on:user-info:list pods alice": true, "impersonate:user-info users alice": true, "impersonate users legacy": true,
	}
	i := &auth.Impersonator{Metrics: m, Authorizer: authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		if who := a.GetName(); allowed[a.GetVerb()+" "+a.GetResource()+" "+who] || a.GetVerb() == "impersonate-on:user-info:list" && a.GetUser().GetName() == "conny" {
			return authorizer.DecisionAllow, "", nil
		}
		return authorizer.DecisionNoOpinion, "", nil
	})}
	for _, try := range []struct {
		who, as string
		may     bool
	}{{"conny", "alice", true}, {"conny", "legacy", true}, {"conny", "bob", false}, {"me", "system:node:x", false}, {"me", "", true}} {
		r := httptest.NewRequest(http.MethodGet, "/api/v1/namespaces/default/pods", nil)
		if try.as != "" {
			r.Header.Set("Impersonate-User", try.as)
		}
		if _, err := i.Request(r, &user.DefaultInfo{Name: try.who}); (err == nil) != try.may {
			t.Errorf("%s as %s: %v", try.who, try.as, err)
		}
	}
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(m)
	recorder := httptest.NewRecorder()
	promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	for _, want := range []string{
		`apiserver_impersonation_attempts_total{decision="allowed",mode="user-info"} 1`,
		`apiserver_impersonation_attempts_total{decision="allowed",mode="legacy"} 1`,
		`apiserver_impersonation_attempts_total{decision="denied",mode=""} 2`,
		`apiserver_impersonation_attempts_duration_seconds_count{decision="denied",mode=""} 2`,
		`apiserver_impersonation_authorization_attempts_total{decision="allowed",mode="user-info"} 4`,
		`apiserver_impersonation_authorization_attempts_total{decision="denied",mode="user-info"} 2`,
		`apiserver_impersonation_authorization_attempts_total{decision="denied",mode="arbitrary-node"} 1`,
		`apiserver_impersonation_authorization_attempts_total{decision="denied",mode="legacy"} 2`,
		`apiserver_impersonation_authorization_attempts_total{decision="allowed",mode="legacy"} 1`,
		`apiserver_impersonation_authorization_attempts_duration_seconds_count{decision="allowed",mode="legacy"} 1`,
	} {
		if !strings.Contains(recorder.Body.String(), want+"\n") {
			t.Errorf("not shown: %s", want)
		}
	}
}
