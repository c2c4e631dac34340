package openapi_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	openapiv2 "github.com/google/gnostic-models/openapiv2"
	openapiv3 "github.com/google/gnostic-models/openapiv3"
	"google.golang.org/protobuf/proto"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
)

func ask(t *testing.T, handler http.Handler, path string, headers ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Result()
}

func read(t *testing.T, r *http.Response) []byte {
	t.Helper()
	data, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

type index struct {
	Paths map[string]struct {
		ServerRelativeURL string `json:"serverRelativeURL"`
	} `json:"paths"`
}

func indexOf(t *testing.T, handler http.Handler) index {
	t.Helper()
	var i index
	if err := json.Unmarshal(read(t, ask(t, handler, "/openapi/v3")), &i); err != nil {
		t.Fatal(err)
	}
	return i
}

var reference = regexp.MustCompile(`"\$ref":"#/(?:components/schemas|definitions|parameters)/([^"]+)"`)

func TestEveryReferenceLeadsSomewhere(t *testing.T) {
	documents := openapi.New(apis.All(), "v1.36.3")
	for name, at := range indexOf(t, documents).Paths {
		var v3 struct {
			Info       struct{ Version string }
			Paths      map[string]any
			Components struct{ Schemas map[string]json.RawMessage }
		}
		data := read(t, ask(t, documents, at.ServerRelativeURL))
		if err := json.Unmarshal(data, &v3); err != nil || len(v3.Paths) == 0 || v3.Info.Version != "1.36" {
			t.Errorf("%s: %v, %d paths, version %q", name, err, len(v3.Paths), v3.Info.Version)
		}
		for _, match := range reference.FindAllStringSubmatch(string(data), -1) {
			if len(v3.Components.Schemas[match[1]]) == 0 {
				t.Errorf("%s: no schema %s", name, match[1])
			}
		}
	}
	var v2 struct{ Definitions, Parameters map[string]json.RawMessage }
	data := read(t, ask(t, documents, "/openapi/v2"))
	if err := json.Unmarshal(data, &v2); err != nil {
		t.Fatal(err)
	}
	for _, match := range reference.FindAllStringSubmatch(string(data), -1) {
		if len(v2.Definitions[match[1]])+len(v2.Parameters[match[1]]) == 0 {
			t.Errorf("v2: nothing is called %s", match[1])
		}
	}
}

func TestClientsFindWhatTheyLookFor(t *testing.T) {
	documents := openapi.New(apis.All(), "v1.36.3")
	var v3 struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(read(t, ask(t, documents, "/openapi/v3/apis/apps/v1")), &v3); err != nil {
		t.Fatal(err)
	}
	var patch struct {
		OperationID string `json:"operationId"`
		Parameters  []struct{ Name string }
		Kind        schema.GroupVersionKind `json:"x-kubernetes-group-version-kind"`
	}
	if err := json.Unmarshal(v3.Paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"], &patch); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, p := range patch.Parameters {
		names = append(names, p.Name)
	}
	if patch.OperationID != "patchAppsV1NamespacedDeployment" || patch.Kind.Kind != "Deployment" || strings.Join(names, " ") != "dryRun fieldManager fieldValidation force" {
		t.Errorf("patch of a deployment is %+v", patch)
	}
}

func TestHashesLetClientsKeepDocuments(t *testing.T) {
	documents := openapi.New(apis.All(), "v1.36.3")
	at := indexOf(t, documents).Paths["apis/batch/v1"].ServerRelativeURL
	fresh := ask(t, documents, at)
	if got := fresh.Header.Get("Cache-Control"); got != "public, immutable" {
		t.Errorf("Cache-Control is %q", got)
	}
	if again := ask(t, documents, at, "If-None-Match", fresh.Header.Get("Etag")); again.StatusCode != http.StatusNotModified {
		t.Errorf("unchanged document answered with %d", again.StatusCode)
	}
	moved := ask(t, documents, "/openapi/v3/apis/batch/v1?hash=old")
	if moved.StatusCode != http.StatusMovedPermanently || moved.Header.Get("Location") != at {
		t.Errorf("old hash answered with %d to %q", moved.StatusCode, moved.Header.Get("Location"))
	}
	if r := ask(t, documents, "/openapi/v3/apis/batch/v9"); r.StatusCode != http.StatusNotFound {
		t.Errorf("unknown version answered with %d", r.StatusCode)
	}
}

func TestMediaTypes(t *testing.T) {
	documents := openapi.New(apis.All(), "v1.36.3")
	r := ask(t, documents, "/openapi/v2", "Accept", "application/com.github.proto-openapi.spec.v2@v1.0+protobuf")
	var v2 openapiv2.Document
	if err := proto.Unmarshal(read(t, r), &v2); err != nil || len(v2.GetDefinitions().GetAdditionalProperties()) < 500 {
		t.Errorf("v2 in protobuf has %d definitions: %v", len(v2.GetDefinitions().GetAdditionalProperties()), err)
	}
	r = ask(t, documents, "/openapi/v3/apis/batch/v1", "Accept", "application/com.github.proto-openapi.spec.v3.v1.0+protobuf, application/json")
	var v3 openapiv3.Document
	if err := proto.Unmarshal(read(t, r), &v3); err != nil || len(v3.GetPaths().GetPath()) == 0 {
		t.Errorf("v3 in protobuf has %d paths: %v", len(v3.GetPaths().GetPath()), err)
	}
	if r := ask(t, documents, "/openapi/v2", "Accept", "text/xml"); r.StatusCode != http.StatusNotAcceptable {
		t.Errorf("XML answered with %d", r.StatusCode)
	}
	r = ask(t, documents, "/openapi/v3/version", "Accept-Encoding", "gzip")
	packed, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(packed); err != nil || !json.Valid(data) {
		t.Errorf("compressed document is no JSON: %v", err)
	}
}

func TestAddingAndRemovingAGroup(t *testing.T) {
	documents := openapi.New(apis.All(), "v1.36.3")
	before := indexOf(t, documents)
	gv := schema.GroupVersion{Group: "example.com", Version: "v1"}
	row := *apis.All()[0]
	row.Group, row.Name, row.Kind, row.Versions, row.Subresources = "example.com", "boats", "Boat", row.Versions[:1], nil
	row.Verbs = nil
	v3 := []byte(`{"type":"object","properties":{"metadata":{"allOf":[{"$ref":"#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"}]}}}`)
	group := &openapi.Group{Hash: "1", Make: func() (map[string]openapi.Schema, error) {
		return map[string]openapi.Schema{"com.example.v1.Boat": {V3: v3, V2: []byte(`{"type":"object"}`)}}, nil
	},
		Models: map[string]string{"Boat": "com.example.v1.Boat", "BoatList": "com.example.v1.Boat"}}
	group.Rows = append(group.Rows, &row)
	documents.Set(gv, group)
	data := string(read(t, ask(t, documents, "/openapi/v3/apis/example.com/v1")))
	for _, want := range []string{`"/apis/example.com/v1/namespaces/{namespace}/boats/{name}"`, `"com.example.v1.Boat":{`, `v1.ObjectMeta":{`, `"createExampleComV1NamespacedBoat"`} {
		if row.Namespaced && !strings.Contains(data, want) {
			t.Errorf("document of the new group lacks %s", want)
		}
	}
	if strings.Contains(data, "strategic-merge-patch") {
		t.Error("custom resources have no strategic merge patch")
	}
	if !strings.Contains(data, `"securitySchemes"`) {
		t.Error("the document of a built-in group does not say how to authenticate")
	}
	documents.Set(gv, nil)
	if after := indexOf(t, documents); len(after.Paths) != len(before.Paths) {
		t.Errorf("%d documents before, %d after", len(before.Paths), len(after.Paths))
	}
}

// Upstream has the documents of custom resources made by another builder: its DeleteOptions is a kind of all 53 group versions that
// clients have types of, and it does not say how to authenticate.
func TestDocumentsOfCustomResources(t *testing.T) {
	documents := openapi.New(apis.All(), "v1.36.3")
	gv := schema.GroupVersion{Group: "example.com", Version: "v1"}
	row := *apis.All()[0]
	row.Group, row.Name, row.Kind, row.Versions, row.Subresources, row.Verbs = "example.com", "boats", "Boat", row.Versions[:1], nil, nil
	schemas := func() (map[string]openapi.Schema, error) {
		return map[string]openapi.Schema{"com.example.v1.Boat": {V3: []byte(`{"type":"object"}`), V2: []byte(`{"type":"object"}`)}}, nil
	}
	documents.Set(gv, &openapi.Group{Hash: "1", Custom: true, Make: schemas, Models: map[string]string{row.Kind: "com.example.v1.Boat"}, Rows: []*resource.Resource{&row}})
	var document struct {
		Components map[string]map[string]struct {
			Kinds []schema.GroupVersionKind `json:"x-kubernetes-group-version-kind"`
		} `json:"components"`
	}
	if err := json.Unmarshal(read(t, ask(t, documents, "/openapi/v3/apis/example.com/v1")), &document); err != nil {
		t.Fatal(err)
	}
	kinds := document.Components["schemas"]["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"].Kinds
	if len(kinds) != 53 || len(document.Components) != 1 {
		t.Errorf("DeleteOptions is %d kinds, and there are %d components", len(kinds), len(document.Components))
	}
	if want := (schema.GroupVersionKind{Group: "storagemigration.k8s.io", Version: "v1beta1", Kind: "DeleteOptions"}); kinds[52] != want {
		t.Errorf("the last is %s, want %s", kinds[52], want)
	}
}
