package authmetrics

import (
	"crypto/sha256"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are collectors of everything that identity and access are measured by. They go into a registry as one.
type Metrics struct {
	users          *prometheus.CounterVec
	attempts       *prometheus.CounterVec
	duration       *prometheus.HistogramVec
	certificates   prometheus.Histogram
	authzAttempts  *prometheus.CounterVec
	authzDuration  *prometheus.HistogramVec
	decisions      *prometheus.CounterVec
	cacheRequests  *prometheus.CounterVec
	cacheDuration  *prometheus.HistogramVec
	cacheFetches   *prometheus.CounterVec
	cacheActive    *prometheus.GaugeVec
	webhooks       *prometheus.CounterVec
	webhookTime    *prometheus.HistogramVec
	webhooksOpen   *prometheus.CounterVec
	conditionFails *prometheus.CounterVec
	conditionSkips *prometheus.CounterVec
	conditionTime  *prometheus.HistogramVec
	jwt            *prometheus.HistogramVec
	keysFetched    *prometheus.GaugeVec
	keysKnown      *prometheus.GaugeVec
	accounts       map[AccountToken]prometheus.Counter

	impersonations, impersonationChecks decided

	authentication, authorization reloads
	server                        string // the hash that tells API servers of a cluster apart
}

var _ prometheus.Collector = &Metrics{}

// New returns metrics of the API server with an identity.
func New(identity string) *Metrics {
	m := &Metrics{
		authentication: newReloads("authentication"), authorization: newReloads("authorization"), server: hash([]byte(identity)),
	}
	m.newAuthentication()
	m.newAuthorization()
	m.newTokens()
	m.newAccounts()
	m.newImpersonation()
	return m
}

// hash is how upstream's metrics name what they must not show.
func hash(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
}

func gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
}

func (m *Metrics) newAuthentication() {
	doubling := prometheus.ExponentialBuckets(0.001, 2, 15)
	m.users = counter("authenticated_user_requests", "Counter of authenticated requests broken out by username.", "username")
	m.attempts = counter("authentication_attempts", "Counter of authenticated attempts.", "result")
	m.duration = histogram("authentication_duration_seconds", "Authentication duration in seconds broken out by result.", doubling, "result")
	m.certificates = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name:    "apiserver_client_certificate_expiration_seconds",
		Help:    "Distribution of the remaining lifetime on the certificate used to authenticate a request.",
		Buckets: []float64{0, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 345600, 604800, 2592000, 7776000, 15552000, 31104000},
	})
}

func (m *Metrics) newAuthorization() {
	doubling := prometheus.ExponentialBuckets(0.001, 2, 15)
	m.authzAttempts = counter("authorization_attempts_total",
		"Counter of authorization attempts broken down by result. It can be either 'allowed', 'denied', 'no-opinion' or 'error'.", "result")
	m.authzDuration = histogram("authorization_duration_seconds", "Authorization duration in seconds broken out by result.", doubling, "result")
	m.decisions = counter("apiserver_authorization_decisions_total",
		"Total number of terminal decisions made by an authorizer split by authorizer type, name, and decision.", "type", "name", "decision")
	m.webhooks = counter("apiserver_authorization_webhook_evaluations_total", "Round-trips to authorization webhooks.", "name", "result")
	m.webhookTime = histogram("apiserver_authorization_webhook_duration_seconds", "Request latency in seconds.",
		prometheus.ExponentialBuckets(0.001, 2, 14), "name", "result")
	m.webhooksOpen = counter("apiserver_authorization_webhook_evaluations_fail_open_total",
		"NoOpinion results due to webhook timeout or error.", "name", "result")
	m.conditionFails = counter("apiserver_authorization_match_condition_evaluation_errors_total",
		"Total number of errors when an authorization webhook encounters a match condition error split by authorizer type and name.", "type", "name")
	m.conditionSkips = counter("apiserver_authorization_match_condition_exclusions_total",
		"Total number of exclusions when an authorization webhook is skipped because match conditions exclude it.", "type", "name")
	m.conditionTime = histogram("apiserver_authorization_match_condition_evaluation_seconds",
		"Authorization match condition evaluation time in seconds, split by authorizer type and name.",
		[]float64{0.001, 0.005, 0.01, 0.025, 0.1, 0.2, 0.25}, "type", "name")
}

func (m *Metrics) newTokens() {
	m.cacheRequests = counter("authentication_token_cache_request_total", "Requests answered by the cache of tokens, or not.", "status")
	m.cacheDuration = histogram("authentication_token_cache_request_duration_seconds", "Time to answer from the cache of tokens.", nil, "status")
	m.cacheFetches = counter("authentication_token_cache_fetch_total", "Tokens that were looked up because the cache had none.", "status")
	m.cacheActive = gauge("authentication_token_cache_active_fetch_count", "Tokens that are being looked up.", "status")
	m.jwt = histogram("apiserver_authentication_jwt_authenticator_latency_seconds",
		"Latency of jwt authentication operations in seconds. This is the time spent authenticating a token for cache miss only (i.e. when the token is not found in the cache).",
		[]float64{0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10}, "result", "jwt_issuer_hash")
	m.keysFetched = gauge("apiserver_authentication_jwt_authenticator_jwks_fetch_last_timestamp_seconds",
		"Timestamp of the last successful or failed JWKS fetch split by result, api server identity and jwt issuer for the JWT authenticator.",
		"result", "jwt_issuer_hash", "apiserver_id_hash")
	m.keysKnown = gauge("apiserver_authentication_jwt_authenticator_jwks_fetch_last_key_set_info",
		"Information about the last JWKS fetched by the JWT authenticator with hash as label, split by api server identity and jwt issuer.",
		"jwt_issuer_hash", "apiserver_id_hash", "hash")
}

func (m *Metrics) all() []prometheus.Collector {
	all := []prometheus.Collector{
		m.users, m.attempts, m.duration, m.certificates, m.authzAttempts, m.authzDuration, m.decisions, m.cacheRequests, m.cacheDuration,
		m.cacheFetches, m.cacheActive, m.webhooks, m.webhookTime, m.webhooksOpen, m.conditionFails, m.conditionSkips, m.conditionTime,
		m.jwt, m.keysFetched, m.keysKnown, m.impersonations.total, m.impersonations.duration, m.impersonationChecks.total, m.impersonationChecks.duration,
	}
	for _, counter := range m.accounts {
		all = append(all, counter)
	}
	return append(append(all, m.authentication.all()...), m.authorization.all()...)
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	for _, collector := range m.all() {
		collector.Describe(to)
	}
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for _, collector := range m.all() {
		collector.Collect(to)
	}
}
