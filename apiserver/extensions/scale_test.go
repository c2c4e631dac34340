package extensions_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// What is asked of the Scale of an object that says nothing of replicas, and what upstream answers.
func TestScalesOfObjectsThatDoNotSayHowMany(t *testing.T) {
	s := newServer(t)
	v1 := version("v1", true)
	spec := v1.Schema.OpenAPIV3Schema.Properties["spec"]
	spec.Properties["crew"] = apiextensionsv1.JSONSchemaProps{Type: "integer"}
	v1.Subresources = &apiextensionsv1.CustomResourceSubresources{Scale: &apiextensionsv1.CustomResourceSubresourceScale{
		SpecReplicasPath: ".spec.crew", StatusReplicasPath: ".status.crew",
	}}
	s.define(t, v1)
	const hosts = "/apis/example.com/v1/namespaces/default/hosts"
	ask := func(method, contentType, path, body string, code int, says string) {
		t.Helper()
		got := s.ask(t, &step{Method: method, Path: hosts + path, Body: body, Header: map[string]string{"Content-Type": contentType}})
		text, err := json.Marshal(got.Body)
		if err != nil || got.Code != code || !strings.Contains(string(text), says) {
			t.Errorf("%s %s %s: %d %s (%v), want %d and %s", method, path, body, got.Code, text, err, code, says)
		}
	}
	const plain, merge, jsonPatch, apply = "application/json", "application/merge-patch+json", "application/json-patch+json", "application/apply-patch+yaml"
	const missing, empty = `Internal error occurred: the spec replicas field \".spec.crew\" does not exist`, `the spec replicas field \".spec.crew\" cannot be empty`
	ask(http.MethodPost, plain, "", `{"apiVersion":"example.com/v1","kind":"Host","metadata":{"name":"a"}}`, 201, `"name":"a"`)
	ask(http.MethodGet, plain, "/a/scale", "", 500, missing)
	for _, body := range []string{`{}`, `{"metadata":{"labels":{"a":"b"}}}`, `{"spec":{}}`, `{"status":{"replicas":4}}`} {
		ask(http.MethodPatch, merge, "/a/scale", body, 400, empty)
	}
	ask(http.MethodPatch, apply, "/a/scale?fieldManager=m", `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"a"}}`, 400, empty)
	ask(http.MethodGet, plain, "/a", "", 200, `"generation":1`)
	ask(http.MethodPatch, merge, "/a/scale?dryRun=All", `{"spec":{"replicas":null}}`, 200, `"spec":{}`)
	ask(http.MethodPatch, jsonPatch, "/a/scale?dryRun=All", `[{"op":"replace","path":"/spec/replicas","value":4}]`, 200, `"spec":{"replicas":4}`)
	ask(http.MethodPatch, jsonPatch, "/a/scale?dryRun=All", `[{"op":"remove","path":"/spec/replicas"}]`, 200, `"spec":{}`)
	ask(http.MethodPut, plain, "/a/scale", `{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"a"},"spec":{}}`, 200, `"spec":{}`)
	ask(http.MethodGet, plain, "/a/scale", "", 200, `"spec":{}`)
	ask(http.MethodGet, plain, "/a", "", 200, `"crew":0`)
}
