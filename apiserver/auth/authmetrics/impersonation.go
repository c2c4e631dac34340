package authmetrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// decided are attempts or questions by mode and decision, and how long they took.
type decided struct {
	total    *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newDecided(name, what string) decided {
	return decided{
		total: counter("apiserver_impersonation_"+name+"_total", "Total number of "+what+" split by mode and decision.", "mode", "decision"),
		duration: histogram("apiserver_impersonation_"+name+"_duration_seconds", "Latency of "+what+" in seconds split by mode and decision.",
			prometheus.ExponentialBuckets(0.001, 2, 15), "mode", "decision"),
	}
}

func (d decided) observe(mode string, allowed bool, took time.Duration) {
	decision := "denied"
	if allowed {
		decision = "allowed"
	}
	d.total.WithLabelValues(mode, decision).Inc()
	d.duration.WithLabelValues(mode, decision).Observe(took.Seconds())
}

func (m *Metrics) newImpersonation() {
	m.impersonations = newDecided("attempts", "impersonation attempts")
	m.impersonationChecks = newDecided("authorization_attempts", "authorization checks of impersonations")
}

// Impersonation counts an attempt to be another. The mode is the one that allowed it. Nobody counts for nil.
func (m *Metrics) Impersonation(mode string, allowed bool, took time.Duration) {
	if m != nil {
		m.impersonations.observe(mode, allowed, took)
	}
}

// ImpersonationCheck counts what the authorizer was asked for that. Nobody counts for nil.
func (m *Metrics) ImpersonationCheck(mode string, allowed bool, took time.Duration) {
	if m != nil {
		m.impersonationChecks.observe(mode, allowed, took)
	}
}
