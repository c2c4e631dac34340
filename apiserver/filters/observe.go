package filters

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// observe counts and times requests.
func (c *Chain) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		info := request.From(r.Context())
		kind := "readOnly"
		if !slices.Contains([]string{"get", "list", "watch"}, info.Verb) {
			kind = "mutating"
		}
		long := info.LongRunning()
		if !long {
			c.Metrics.Inflight.WithLabelValues(kind).Inc()
			defer c.Metrics.Inflight.WithLabelValues(kind).Dec()
		}
		recorder := &recorder{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(recorder, r)
		labels := c.labelsOf(info, r)
		c.Metrics.Requests.WithLabelValues(append(labels, strconv.Itoa(recorder.code))...).Inc()
		if !long {
			c.Metrics.Duration.WithLabelValues(labels...).Observe(time.Since(start).Seconds())
		}
	})
}

// labelsOf a request: what is not served has no names of its own.
func (c *Chain) labelsOf(info *request.Info, r *http.Request) []string {
	verb := metricVerb(info)
	names := c.Names(info)
	if names.Resource == "" {
		return []string{verb, "", "", "", "", "", "", "apiserver"}
	}
	scope := "cluster"
	switch {
	case info.Name != "":
		scope = "resource"
	case info.Namespace != "":
		scope = "namespace"
	}
	dryRun := ""
	if r.URL.RawQuery != "" && r.URL.Query().Get("dryRun") == "All" {
		dryRun = "All"
	}
	return []string{verb, dryRun, names.Group, names.Version, names.Resource, names.Subresource, scope, "apiserver"}
}

// metricVerb is the verb as the metrics of upstream spell it.
func metricVerb(info *request.Info) string {
	names := map[string]string{
		"get": "GET", "list": "LIST", "watch": "WATCH", "create": "POST", "post": "POST", "update": "PUT", "put": "PUT",
		"patch": "PATCH", "delete": "DELETE", "deletecollection": "DELETECOLLECTION",
	}
	if name, ok := names[info.Verb]; ok {
		return name
	}
	return "OTHER"
}
