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
