package apiserver

import (
	"bytes"
	"net/http"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

// The answer to a write in protobuf is what a get shows after it, also where nothing changed, or where a status is written.
func TestWritesAnswerWithWhatIsReadAfterThem(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.FieldManager = fieldmanager.New(apis.NewScheme()) })
	accept := []string{"Accept", "application/vnd.kubernetes.protobuf"}
	patch := func(kind types.PatchType) []string { return append([]string{"Content-Type", string(kind)}, accept...) }
	one := configMaps + "/one"
	for _, step := range []struct {
		method, path, body string
		header             []string
	}{
		{http.MethodPost, configMaps, `{"metadata":{"name":"one"},"data":{"a":"b"}}`, accept},
		{http.MethodPatch, one, `{"metadata":{"labels":{"a":"b"}}}`, patch(types.MergePatchType)},
		{http.MethodPatch, one, `{"metadata":{"labels":{"a":"b"}}}`, patch(types.MergePatchType)},
		{http.MethodPatch, one + "?fieldManager=m", `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"one"},"data":{"c":"d"}}`, patch(types.ApplyYAMLPatchType)},
		{http.MethodPut, one, `{"metadata":{"name":"one"},"data":{}}`, accept},
	} {
		written := ts.do(step.method, step.path, step.body, step.header...)
		if read := ts.get(one, accept...).wants(200); written.code/100 != 2 || !bytes.Equal(written.body, read.body) {
			t.Errorf("%s %s %s: %d\n%q\n%q", step.method, step.path, step.body, written.code, written.body, read.body)
		}
	}
}

// Whoever was told that a role, a limit range or a webhook is there is judged by it from the next request on.
func TestWritesThatGovernAreAnsweredWhenTheyAreKnown(t *testing.T) {
	const ranges = "/api/v1/namespaces/default/limitranges"
	ts := newServer(t)
	known, _ := ts.server.Cache.Resource("/registry/limitranges/")
	for n := range 200 {
		ts.do(http.MethodPost, ranges, `{"metadata":{"name":"one"}}`).wants(201)
		if _, ok := known.Get("default", "one"); !ok {
			t.Fatalf("attempt %d: nobody is judged by what was created", n)
		}
		ts.do(http.MethodDelete, ranges+"/one", "").wants(200)
		if _, ok := known.Get("default", "one"); ok {
			t.Fatalf("attempt %d: all are judged by what was deleted", n)
		}
	}
}
