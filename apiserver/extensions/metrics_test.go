package extensions_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Of a definition with several versions, which are stored as one resource, /metrics tells once: telling twice is an error.
func TestMetricsOfSeveralVersions(t *testing.T) {
	s := newServer(t)
	s.define(t, version("v1", true, "a"), version("v2", false, "a"))
	s.settle(t)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://test/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.config().Transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("code %d, %v: %s", response.StatusCode, err, body)
	}
	for _, family := range []string{"apiserver_resource_objects", "apiserver_watch_cache_initializations_total"} {
		if n := strings.Count(string(body), family+`{group="example.com",resource="hosts"}`); n != 1 {
			t.Errorf("%s is told %d times of hosts", family, n)
		}
	}
}
