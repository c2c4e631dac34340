package authmetrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// AccountToken is a kind of token that a service account can show.
type AccountToken string

// Kinds of tokens of service accounts.
const (
	ValidToken        AccountToken = "valid_tokens"             // bound and not to be renewed yet
	StaleToken        AccountToken = "stale_tokens"             // bound, and its user should have read it anew
	LegacyToken       AccountToken = "legacy_tokens"            // kept in a secret
	LegacyAutoToken   AccountToken = "legacy_auto_token_uses"   // and made with the account
	LegacyManualToken AccountToken = "legacy_manual_token_uses" // and asked for
	// InvalidLegacyAutoToken was made with the account, and is switched off because nobody seemed to use it.
	InvalidLegacyAutoToken AccountToken = "invalid_legacy_auto_token_uses"
)

func (m *Metrics) newAccounts() {
	m.accounts = map[AccountToken]prometheus.Counter{}
	for kind, help := range map[AccountToken]string{
		ValidToken: "Cumulative valid projected service account tokens used", StaleToken: "Cumulative stale projected service account tokens used",
		LegacyToken: "Cumulative legacy service account tokens used", LegacyAutoToken: "Cumulative auto-generated legacy tokens used",
		LegacyManualToken: "Cumulative manually created legacy tokens used", InvalidLegacyAutoToken: "Cumulative invalid auto-generated legacy tokens used",
	} {
		m.accounts[kind] = prometheus.NewCounter(prometheus.CounterOpts{Name: "serviceaccount_" + string(kind) + "_total", Help: help})
	}
}

// Account counts the use of a token by a service account. Nobody counts for nil.
func (m *Metrics) Account(kind AccountToken) {
	if m != nil {
		m.accounts[kind].Inc()
	}
}

// TokenCached counts a token that the cache knew, or not.
func (m *Metrics) TokenCached(hit bool, took time.Duration) {
	if m == nil {
		return
	}
	status := "miss"
	if hit {
		status = "hit"
	}
	m.cacheRequests.WithLabelValues(status).Inc()
	m.cacheDuration.WithLabelValues(status).Observe(took.Seconds())
}

// TokenWaits counts a request that waits for a token to be looked up, until the function that it returns is called.
func (m *Metrics) TokenWaits() func() {
	if m == nil {
		return func() {}
	}
	waiting := m.cacheActive.WithLabelValues("blocked")
	waiting.Inc()
	return waiting.Dec
}

// TokenFetch counts the looking up of a token, until the function that it returns is told how it ended.
func (m *Metrics) TokenFetch() func(error) {
	if m == nil {
		return func(error) {}
	}
	active := m.cacheActive.WithLabelValues("in_flight")
	active.Inc()
	return func(err error) {
		active.Dec()
		status := "ok"
		if err != nil {
			status = "error"
		}
		m.cacheFetches.WithLabelValues(status).Inc()
	}
}
