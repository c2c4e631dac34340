package podsecurity

import (
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/pod-security-admission/api"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// What metrics call the modes of standards, and what is held against them.
const (
	modeEnforce      = "enforce"
	modeAudit        = "audit"
	modeWarn         = "warn"
	podResource      = "pod"
	templateResource = "controller"
)

// counters are what /metrics shows of the plugin.
type counters struct {
	evaluations, exemptions, errors *prometheus.CounterVec
}

func newCounters() *counters {
	c := &counters{
		evaluations: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pod_security_evaluations_total", Help: "Evaluations of pods against a standard, ignored and exempt requests apart.",
		}, []string{"decision", "mode", "policy_level", "policy_version", "request_operation", "resource", "subresource"}),
		exemptions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pod_security_exemptions_total", Help: "Requests that are exempt from standards.",
		}, []string{"request_operation", "resource", "subresource"}),
		errors: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pod_security_errors_total", Help: "Requests for which the standards could not be read: fatal, or as strict as can be.",
		}, []string{"fatal", "request_operation", "resource", "subresource"}),
	}
	for _, operation := range []string{"create", "update"} {
		for _, resource := range []string{"pod", "controller"} {
			c.exemptions.WithLabelValues(operation, resource, "") // they are told of before there are any
		}
	}
	return c
}

// Metrics are what the plugin counts.
func (p *Plugin) Metrics() prometheus.Collector { return p.counted }

// Describe implements prometheus.Collector.
func (c *counters) Describe(to chan<- *prometheus.Desc) {
	c.evaluations.Describe(to)
	c.exemptions.Describe(to)
	c.errors.Describe(to)
}

// Collect implements prometheus.Collector.
func (c *counters) Collect(to chan<- prometheus.Metric) {
	c.evaluations.Collect(to)
	c.exemptions.Collect(to)
	c.errors.Collect(to)
}

// evaluated counts what came of holding a pod, or the template of one, against a standard. In the modes that only tell,
// upstream counts complaints alone.
func (c *counters) evaluated(a *admission.Attributes, resource, mode string, standard api.LevelVersion, complaint string) {
	decision := "allow"
	if complaint != "" {
		decision = "deny"
	}
	c.evaluations.WithLabelValues(decision, mode, string(standard.Level), versionLabel(standard.Version), operation(a), resource, a.Subresource).Inc()
}

func (c *counters) exempt(a *admission.Attributes, resource string) {
	c.exemptions.WithLabelValues(operation(a), resource, a.Subresource).Inc()
}

// failed counts what keeps a request from being held against the standards of its namespace, if it is fatal, or against no others than the strictest.
func (c *counters) failed(a *admission.Attributes, resource string, fatal bool) {
	c.errors.WithLabelValues(strconv.FormatBool(fatal), operation(a), resource, a.Subresource).Inc()
}

func operation(a *admission.Attributes) string { return strings.ToLower(string(a.Operation)) }

// served is the minor version that the newest standards are of.
const served = 36

// versionLabel is a version that namespaces name, which may be any: those that are not there yet are one.
func versionLabel(v api.Version) string {
	if !v.Latest() && v.Minor() > served {
		return "future"
	}
	return v.String()
}
