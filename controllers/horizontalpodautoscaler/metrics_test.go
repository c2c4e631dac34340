package horizontalpodautoscaler

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
)

// adapter serves paths as they are given, and nothing else.
func adapter(t *testing.T, paths map[string]string) Metrics {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, there := paths[r.URL.Path]
		if !there {
			http.Error(w, "404 page not found", http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if strings.Contains(body, `"Failure"`) {
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprint(w, body)
	}))
	t.Cleanup(server.Close)
	metrics, err := newMetrics(&rest.Config{Host: server.URL}, server.Client())
	if err != nil {
		t.Fatal(err)
	}
	return metrics
}

// group is what discovery says of custom metrics; the first version is preferred.
func group(versions ...string) string {
	var all []string
	for _, v := range versions {
		all = append(all, fmt.Sprintf(`{"groupVersion":"custom.metrics.k8s.io/%s","version":%q}`, v, v))
	}
	return fmt.Sprintf(`{"kind":"APIGroup","apiVersion":"v1","name":"custom.metrics.k8s.io","versions":[%s],"preferredVersion":%s}`, strings.Join(all, ","), all[0])
}

const (
	discovery, of1, of2 = "/apis/custom.metrics.k8s.io", discovery + "/v1beta1/namespaces/default/services/web/requests", discovery + "/v1beta2/namespaces/default/services/web/requests"
	failed              = "unable to fetch metrics from custom metrics API: "
)

func values(of ...string) string {
	return `{"items":[{"value":"` + strings.Join(of, `"},{"value":"`) + `"}]}`
}

// Custom metrics are asked of the version that is preferred. Where that was the older one, what was said of a metric that is not there was
// that there is no newer version.
func TestVersionsOfCustomMetrics(t *testing.T) {
	missing := `{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","message":"there are no requests","code":404}`
	for _, c := range []struct {
		reason string
		served map[string]string
		value  int64
		err    string
	}{
		{"the newer one alone", map[string]string{discovery: group("v1beta2"), of2: values("2")}, 2000, ""},
		{"the older one alone", map[string]string{discovery: group("v1beta1"), of1: values("1")}, 1000, ""},
		{"the older one is preferred", map[string]string{discovery: group("v1beta1", "v1beta2"), of1: values("1"), of2: values("2")}, 1000, ""},
		{"one that nobody knows is preferred", map[string]string{discovery: group("v2", "v1beta1"), of1: values("1"), of2: values("2")}, 1000, ""},
		{"none that is known", map[string]string{discovery: group("v2")}, 0, failed + noCustomMetrics},
		{"none", nil, 0, failed + noCustomMetrics},
		{"no such metric", map[string]string{discovery: group("v1beta1"), of1: missing}, 0, failed + "there are no requests"},
		{"no value", map[string]string{discovery: group("v1beta2"), of2: `{"items":[]}`}, 0, failed + "the custom metrics API server returned 0 results when we asked for exactly one"},
		{"two values", map[string]string{discovery: group("v1beta2"), of2: values("1", "2")}, 0, failed + "the custom metrics API server returned 2 results when we asked for exactly one"},
	} {
		web := autoscalingv2.CrossVersionObjectReference{Kind: "Service", Name: "web"}
		value, err := adapter(t, c.served).Object(t.Context(), "default", autoscalingv2.MetricIdentifier{Name: "requests"}, web, "services")
		if said := fmt.Sprint(err); value != c.value || err != nil && said != c.err || err == nil && c.err != "" {
			t.Errorf("%s: %d, %v", c.reason, value, err)
		}
	}
}

// Of an API that nobody serves it is said what was asked for.
func TestMetricsThatNobodyServesAreNamed(t *testing.T) {
	nobody := adapter(t, nil)
	_, err := nobody.External(t.Context(), "default", autoscalingv2.MetricIdentifier{Name: "queued"})
	if want := "unable to fetch metrics from external metrics API: the server could not find the requested resource (get queued.external.metrics.k8s.io)"; fmt.Sprint(err) != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	_, err = nobody.Resource(t.Context(), "default", corev1.ResourceCPU, "", labels.Everything())
	if want := "unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)"; fmt.Sprint(err) != want {
		t.Errorf("%v\nwant %s", err, want)
	}
}
