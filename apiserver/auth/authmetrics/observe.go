package authmetrics

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/clock"
)

// outcome is what is counted and timed of one result, looked up once: the usual results are those of every request.
type outcome struct {
	count prometheus.Counter
	time  prometheus.Observer
}

func (o outcome) observe(took time.Duration) {
	o.count.Inc()
	o.time.Observe(took.Seconds())
}

// Authenticator counts and times what next says.
func (m *Metrics) Authenticator(next authenticator.Request, c clock.PassiveClock) authenticator.Request {
	outcomes := map[string]outcome{}
	for _, result := range []string{"success", "failure", "error"} {
		outcomes[result] = outcome{m.attempts.WithLabelValues(result), m.duration.WithLabelValues(result)}
	}
	return authenticator.RequestFunc(func(req *http.Request) (*authenticator.Response, bool, error) {
		start := c.Now()
		response, ok, err := next.AuthenticateRequest(req)
		result := "success"
		switch {
		case err != nil:
			result = "error"
		case !ok:
			result = "failure"
		default:
			m.users.WithLabelValues(username(response.User.GetName())).Inc()
			if req.TLS != nil && len(req.TLS.PeerCertificates) > 0 && withCertificate(response.User) {
				m.certificates.Observe(req.TLS.PeerCertificates[0].NotAfter.Sub(start).Seconds())
			}
		}
		outcomes[result].observe(c.Since(start))
		return response, ok, err
	})
}

func withCertificate(u user.Info) bool {
	ids := u.GetExtra()[user.CredentialIDKey]
	return len(ids) == 1 && strings.HasPrefix(ids[0], "X509SHA256=")
}

// username keeps the label to a few values, those of upstream.
func username(name string) string {
	switch name {
	case "admin", "client", "kube_proxy", "kubelet", "system:serviceaccount:kube-system:default":
		return name
	}
	if strings.Contains(name, "@") {
		return "email_id"
	}
	return "other"
}

// Authorizer counts and times what next says of requests.
func (m *Metrics) Authorizer(next authorizer.Authorizer, c clock.PassiveClock) authorizer.Authorizer {
	outcomes := map[string]outcome{}
	for _, result := range []string{"allowed", "denied", "no-opinion", "error"} {
		outcomes[result] = outcome{m.authzAttempts.WithLabelValues(result), m.authzDuration.WithLabelValues(result)}
	}
	return authorizer.AuthorizerFunc(func(ctx context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		start := c.Now()
		decision, reason, err := next.Authorize(ctx, a)
		result := "error"
		switch {
		case decision == authorizer.DecisionAllow:
			result = "allowed"
		case err != nil:
		case decision == authorizer.DecisionDeny:
			result = "denied"
		case decision == authorizer.DecisionNoOpinion:
			result = "no-opinion"
		}
		outcomes[result].observe(c.Since(start))
		return decision, reason, err
	})
}

// Decided counts a decision that no later authorizer was asked for.
func (m *Metrics) Decided(kind, name string, decision authorizer.Decision) {
	switch decision {
	case authorizer.DecisionAllow:
		m.decisions.WithLabelValues(kind, name, "allowed").Inc()
	case authorizer.DecisionDeny:
		m.decisions.WithLabelValues(kind, name, "denied").Inc()
	}
}

// Webhook counts a round trip to an authorization webhook: success, canceled, timeout or error. One whose failure left
// the request to others failed open.
func (m *Metrics) Webhook(name, result string, took time.Duration, failedOpen bool) {
	m.webhooks.WithLabelValues(name, result).Inc()
	m.webhookTime.WithLabelValues(name, result).Observe(took.Seconds())
	if failedOpen {
		m.webhooksOpen.WithLabelValues(name, result).Inc()
	}
}

// RecordAuthorizationMatchConditionEvaluation implements cel.MatcherMetrics of k8s.io/apiserver.
func (m *Metrics) RecordAuthorizationMatchConditionEvaluation(_ context.Context, kind, name string, took time.Duration) {
	m.conditionTime.WithLabelValues(kind, name).Observe(took.Seconds())
}

// RecordAuthorizationMatchConditionEvaluationFailure implements cel.MatcherMetrics.
func (m *Metrics) RecordAuthorizationMatchConditionEvaluationFailure(_ context.Context, kind, name string) {
	m.conditionFails.WithLabelValues(kind, name).Inc()
}

// RecordAuthorizationMatchConditionExclusion implements cel.MatcherMetrics.
func (m *Metrics) RecordAuthorizationMatchConditionExclusion(_ context.Context, kind, name string) {
	m.conditionSkips.WithLabelValues(kind, name).Inc()
}

// JWT times the verification of a token of an issuer.
func (m *Metrics) JWT(issuer string, ok bool, took time.Duration) {
	result := "failure"
	if ok {
		result = "success"
	}
	m.jwt.WithLabelValues(result, hash([]byte(issuer))).Observe(took.Seconds())
}

// Keys notes that the keys of an issuer were fetched, or that this failed (nil).
func (m *Metrics) Keys(issuer string, at time.Time, document []byte) {
	of, result := hash([]byte(issuer)), "failure"
	if document != nil {
		result = "success"
		m.keysKnown.DeletePartialMatch(map[string]string{"jwt_issuer_hash": of})
		m.keysKnown.WithLabelValues(of, m.server, hash(document)).Set(1)
	}
	m.keysFetched.WithLabelValues(result, of, m.server).Set(float64(at.UnixNano()) / 1e9)
}

// ForgetIssuer removes the series of an issuer that the configuration no longer names.
func (m *Metrics) ForgetIssuer(issuer string) {
	of := map[string]string{"jwt_issuer_hash": hash([]byte(issuer))}
	m.jwt.DeletePartialMatch(of)
	m.keysKnown.DeletePartialMatch(of)
	m.keysFetched.DeletePartialMatch(of)
}
