package fuzzing

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
)

// answers is an API server that says anything: nothing, nonsense, or what fits the question, with odd contents.
type answers struct{ *Source }

// RoundTrip implements http.RoundTripper.
func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: r}
	body := []byte(pick(a.rand, "", "{}", "null", "[", `{"kind":"Status","apiVersion":"v1","status":"Failure"}`))
	switch a.rand.Intn(8) {
	case 0:
		return nil, errors.New("no answer")
	case 1:
		answer.StatusCode = []int{http.StatusNotFound, http.StatusInternalServerError, http.StatusForbidden, http.StatusServiceUnavailable}[a.rand.Intn(4)]
	case 2:
	default:
		body = a.fitting(r, answer.Header)
	}
	answer.Body = io.NopCloser(bytes.NewReader(body))
	return answer, nil
}

// fitting is an answer of the form that the path asks for.
func (a answers) fitting(r *http.Request, header http.Header) []byte {
	var object any
	switch path := r.URL.Path; {
	case path == "/api" || path == "/apis":
		header.Set("Content-Type", "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
		object = served(path == "/api")
	case strings.HasPrefix(path, "/apis/metrics.k8s.io/"):
		all := &metricsv1beta1.PodMetricsList{}
		a.fill(all)
		object = all
	case strings.HasSuffix(path, "/scale"):
		scale := &autoscalingv1.Scale{}
		a.fill(scale)
		object = scale
	default:
		any := &metav1.PartialObjectMetadata{}
		a.fill(any)
		object = any
	}
	body, err := json.Marshal(object)
	if err != nil {
		return []byte("{}")
	}
	return body
}

// served is what discovery finds: enough that those who go by it do.
func served(legacy bool) *apidiscoveryv2.APIGroupDiscoveryList {
	list := &apidiscoveryv2.APIGroupDiscoveryList{TypeMeta: metav1.TypeMeta{Kind: "APIGroupDiscoveryList", APIVersion: "apidiscovery.k8s.io/v2"}}
	group, kinds := "apps", map[string]string{"deployments": "Deployment"}
	if legacy {
		group, kinds = "", map[string]string{"pods": "Pod", "configmaps": "ConfigMap"}
	}
	version := apidiscoveryv2.APIVersionDiscovery{Version: "v1"}
	for name, kind := range kinds {
		version.Resources = append(version.Resources, apidiscoveryv2.APIResourceDiscovery{
			Resource: name, Scope: apidiscoveryv2.ScopeNamespace, ResponseKind: &metav1.GroupVersionKind{Group: group, Version: "v1", Kind: kind},
			Verbs: []string{"create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"},
		})
	}
	list.Items = []apidiscoveryv2.APIGroupDiscovery{{ObjectMeta: metav1.ObjectMeta{Name: group}, Versions: []apidiscoveryv2.APIVersionDiscovery{version}}}
	return list
}
