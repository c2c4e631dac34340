package authmetrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// reloads of one configuration file.
type reloads struct {
	total *prometheus.CounterVec
	last  *prometheus.GaugeVec
	info  *prometheus.GaugeVec
}

func newReloads(of string) reloads {
	prefix := "apiserver_" + of + "_config_controller_"
	return reloads{
		total: counter(prefix+"automatic_reloads_total", "Total number of automatic reloads of "+of+" configuration split by status and apiserver identity.",
			"status", "apiserver_id_hash"),
		last: gauge(prefix+"automatic_reload_last_timestamp_seconds",
			"Timestamp of the last automatic reload of "+of+" configuration split by status and apiserver identity.", "status", "apiserver_id_hash"),
		info: gauge(prefix+"last_config_info", "Information about the last applied "+of+" configuration with hash as label, split by apiserver identity.",
			"apiserver_id_hash", "hash"),
	}
}

func (r *reloads) all() []prometheus.Collector {
	return []prometheus.Collector{r.total, r.last, r.info}
}

func (r *reloads) done(server string, at time.Time, data []byte, err error) {
	status := "success"
	if err != nil {
		status = "failure"
	}
	r.total.WithLabelValues(status, server).Inc()
	r.last.WithLabelValues(status, server).Set(float64(at.UnixNano()) / 1e9)
	if err == nil {
		r.use(server, data)
	}
}

func (r *reloads) use(server string, data []byte) {
	r.info.Reset()
	r.info.WithLabelValues(server, hash(data)).Set(1)
}

// Configuration is one of the two files that are followed.
type Configuration struct {
	reloads *reloads
	server  string
}

// AuthenticationConfiguration notes which AuthenticationConfiguration is in force.
func (m *Metrics) AuthenticationConfiguration() Configuration {
	return Configuration{&m.authentication, m.server}
}

// AuthorizationConfiguration notes which AuthorizationConfiguration is in force.
func (m *Metrics) AuthorizationConfiguration() Configuration {
	return Configuration{&m.authorization, m.server}
}

// Use notes the content that a server starts with.
func (c Configuration) Use(data []byte) { c.reloads.use(c.server, data) }

// Reloaded notes that changed content was taken into use, or why not.
func (c Configuration) Reloaded(at time.Time, data []byte, err error) {
	c.reloads.done(c.server, at, data, err)
}
