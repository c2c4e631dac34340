package standalone

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Programs tell of themselves at /statusz and /flagz, unless gates are off.
func TestPages(t *testing.T) {
	s := DefaultScheduler()
	s.Paths = map[string]http.Handler{"/metrics/resources": nil}
	s.Flags = func() map[string]string { return map[string]string{"v": "0"} }
	for gates, want := range map[string][]string{
		"": {"/flagz", "/metrics/resources", "/statusz"}, "ComponentStatusz": {"/flagz", "/metrics/resources"}, "AllBeta": {"/metrics/resources"},
	} {
		s.FeatureGates = map[string]string{gates: "false"}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(s.withPages()))); diff != "" {
			t.Errorf("without %s: %s", gates, diff)
		}
	}
	s.FeatureGates = nil
	pages := s.withPages()
	for path, want := range map[string]string{
		"/statusz": `"metadata":{"name":"kube-scheduler"},`, "/flagz": `"flags":{"v":"0"}`,
	} {
		kind := map[string]string{"/statusz": "Statusz", "/flagz": "Flagz"}[path]
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept", "application/json;v=v1alpha1;g=config.k8s.io;as="+kind)
		w := httptest.NewRecorder()
		pages[path].ServeHTTP(w, r)
		if body := w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, want) || len(w.Header().Values("Warning")) != 1 {
			t.Errorf("%s: %d %s %v", path, w.Code, body, w.Header())
		}
		if path == "/statusz" && !strings.Contains(w.Body.String(), `"paths":["/flagz","/healthz","/livez","/metrics","/metrics/resources","/readyz"]`) {
			t.Errorf("paths: %s", w.Body)
		}
	}
	if s.Paths["/statusz"] != nil {
		t.Error("the paths that were given have changed")
	}
}
