package authmetrics

import "time"

// TokenCached counts a token that the cache knew, or not.
func (m *Metrics) TokenCached(hit bool, took time.Duration) {
	status := "miss"
	if hit {
		status = "hit"
	}
	m.cacheRequests.WithLabelValues(status).Inc()
	m.cacheDuration.WithLabelValues(status).Observe(took.Seconds())
}

// TokenWaits counts a request that waits for a token to be looked up, until the function that it returns is called.
func (m *Metrics) TokenWaits() func() {
	waiting := m.cacheActive.WithLabelValues("blocked")
	waiting.Inc()
	return waiting.Dec
}

// TokenFetch counts the looking up of a token, until the function that it returns is told how it ended.
func (m *Metrics) TokenFetch() func(error) {
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
