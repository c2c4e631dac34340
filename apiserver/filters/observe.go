package filters

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/user"

	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/metrics"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// observe counts and times requests.
func (c *Chain) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		info := request.From(r.Context())
		series := c.Metrics.Series(c.keyOf(info, r))
		if caller, inside := auth.UserFrom(r.Context()); inside && caller.GetName() == user.APIServerUser {
			series.Own()
		}
		long := info.LongRunning()
		running := c.Metrics.Mutating
		switch {
		case long:
			running = series.Running()
		case reads(info):
			running = c.Metrics.Reading
		}
		running.Inc()
		recorder := &recorder{ResponseWriter: w, code: http.StatusOK}
		ended := false
		defer func() {
			running.Dec()
			if !ended { // a panic: what is written then is written further out
				series.Aborted()
				recorder.code = http.StatusInternalServerError
			}
			if recorder.code == http.StatusTooManyRequests && recorder.refused || recorder.code == http.StatusGatewayTimeout && !long {
				series.Terminated(recorder.code)
			}
			series.Observe(&metrics.Request{Code: recorder.code, Bytes: recorder.bytes, Sent: r.ContentLength, Took: time.Since(start), Waited: recorder.waited, Lasts: long})
		}()
		next.ServeHTTP(recorder, r)
		ended = true
	})
}

func reads(info *request.Info) bool {
	return info.Verb == "get" || info.Verb == "list" || info.Verb == "watch"
}

// keyOf a request: what is not served has no names of its own.
func (c *Chain) keyOf(info *request.Info, r *http.Request) metrics.Key {
	key := metrics.Key{Names: c.Names(info), Verb: metricVerb(info, r)}
	if key.Resource == "" {
		return key
	}
	key.Component, key.Scope = "apiserver", "cluster"
	switch {
	case info.Name != "" || info.Verb == "create":
		key.Scope = "resource"
	case info.Namespace != "":
		key.Scope = "namespace"
	}
	if strings.Contains(r.URL.RawQuery, "dryRun") {
		if key.DryRun = "invalid"; slices.Equal(r.URL.Query()["dryRun"], []string{"All"}) {
			key.DryRun = "All"
		}
	}
	return key
}

// metricVerb is the verb as the metrics of upstream spell it.
func metricVerb(info *request.Info, r *http.Request) string {
	if info.IsResource && slices.Contains([]string{"attach", "exec", "portforward", "proxy"}, info.Subresource) {
		return "CONNECT"
	}
	switch info.Verb {
	case "get":
		return "GET"
	case "list":
		return "LIST"
	case "watch":
		return "WATCH"
	case "create", "post":
		return "POST"
	case "update", "put":
		return "PUT"
	case "patch":
		if media := r.Header.Get("Content-Type"); media == string(types.ApplyYAMLPatchType) || media == string(types.ApplyCBORPatchType) {
			return "APPLY"
		}
		return "PATCH"
	case "delete", "deletecollection":
		return "DELETE"
	}
	return "other"
}
