// Package health answers /healthz, /livez and /readyz from named checks.
//
// It owns the form of these answers: one word, the list with ?verbose, a single check by its path, ?exclude. What is
// checked is handed in at every request; it keeps and starts nothing.
package health
