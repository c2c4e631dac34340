package metrics

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/version"
)

func TestRequestIsCountedOnce(t *testing.T) {
	m := New(version.Info{GitVersion: "v1.36.0"})
	key := Key{Names: Names{Version: "v1", Resource: "pods"}, Verb: "LIST", Scope: "namespace", Component: "apiserver"}
	m.Series(key).Observe(&Request{Code: 200, Bytes: 10, Took: 30 * time.Second, Waited: 10 * time.Second})
	m.Series(key).Observe(&Request{Code: 404, Took: time.Second})
	m.Series(key).Terminated(429)
	m.Series(Key{Names: key.Names, Verb: "WATCH", Scope: "namespace", Component: "apiserver"}).Observe(&Request{Code: 200, Took: time.Hour, Lasts: true})
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	labels := `component="apiserver",group="",resource="pods",scope="namespace",subresource="",verb="LIST",version="v1"`
	for _, want := range []string{
		`apiserver_request_total{code="200",component="apiserver",dry_run="",group="",resource="pods",scope="namespace",subresource="",verb="LIST",version="v1"} 1`,
		`apiserver_request_total{code="404",component="apiserver",dry_run="",group="",resource="pods",scope="namespace",subresource="",verb="LIST",version="v1"} 1`,
		`apiserver_request_sli_duration_seconds_sum{` + labels + `} 21`,
		`apiserver_request_sli_duration_seconds_count{` + labels + `} 2`,
		`apiserver_response_sizes_sum{` + labels + `} 10`,
		`apiserver_request_terminations_total{code="429",` + labels + `} 1`,
		`apiserver_request_duration_seconds_count{component="apiserver",dry_run="",group="",resource="pods",scope="namespace",subresource="",verb="WATCH",version="v1"} 1`,
		`git_version="v1.36.0"`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s", want)
		}
	}
}

// Helps begin with upstream's levels; what Go tells of itself has none.
func TestHelpSaysHowStableAMetricIs(t *testing.T) {
	m := New(version.Info{})
	m.Series(Key{Verb: "LIST"}).Observe(&Request{Code: 200})
	m.Registry.MustRegister(Features(func(tell func(name, stage string, on bool)) { tell("One", "BETA", true); tell("Two", "ALPHA", false) }))
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	for _, want := range []string{
		"# HELP apiserver_request_total [STABLE] Requests,", "# HELP kubernetes_build_info [BETA] ", "# HELP apiserver_request_sli_duration_seconds [ALPHA] ",
		"# HELP go_goroutines Number", `kubernetes_feature_enabled{name="One",stage="BETA"} 1`, `kubernetes_feature_enabled{name="Two",stage="ALPHA"} 0`,
	} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("no %s", want)
		}
	}
}

// BenchmarkObserve is what counting costs a request: its series are found, and four instruments moved.
func BenchmarkObserve(b *testing.B) {
	m := New(version.Info{})
	key := Key{Names: Names{Version: "v1", Resource: "pods"}, Verb: "LIST", Scope: "namespace", Component: "apiserver"}
	b.ReportAllocs()
	for b.Loop() {
		m.Series(key).Observe(&Request{Code: 200, Bytes: 10, Took: time.Millisecond})
	}
}
