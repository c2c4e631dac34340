package patch

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/answer"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Patching a part of an object has the effect that patching all of it has.
func TestPartsOfObjectsArePatched(t *testing.T) {
	served := &kinds.Served{Watched: cache.New(nil)}
	if err := served.AddRows(resource.Find(apis.All(), "apps", "deployments")); err != nil {
		t.Fatal(err)
	}
	at := served.Now().EndpointOf(&request.Info{Group: "apps", Version: "v1", Resource: "deployments"})
	text := `{"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"web","uid":"u","labels":{"a":"b"},"finalizers":["x/y"]},
		"spec":{"replicas":2,"selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},"spec":{"containers":[
		{"name":"c","image":"nginx","resources":{"requests":{"cpu":"100m"}},"ports":[{"containerPort":80}]}]}}},"status":{"replicas":1}}`
	c := &call.Call{Answer: answer.Answer{At: at}, Decoder: codec.NewDecoder(apis.NewScheme())}
	for _, test := range []struct {
		kind types.PatchType
		body string
		part bool
	}{
		{types.MergePatchType, `{"metadata":{"labels":{"c":"d","a":null}}}`, true},
		{types.MergePatchType, `{"status":null}`, true},
		{types.MergePatchType, `{"metadata":null}`, true},
		{types.MergePatchType, `{"metadata":{"labels":{"c":null,"a":"","x":"<&>\u2028"},"annotations":{"x":null}}}`, true},
		{types.MergePatchType, `{"metadata":{"labels":{"a":null}}}`, true},
		{types.MergePatchType, `{"metadata":{"labels":{},"annotations":{},"generateName":"w","namespace":null}}`, true},
		{types.MergePatchType, `{"metadata":{"labels":{"a":1}}}`, false},
		{types.MergePatchType, `{"metadata":{"name":7}}`, false},
		{types.MergePatchType, `{"metadata":{"annotations":{"$patch":"replace"}}}`, true},
		{types.StrategicMergePatchType, `{"metadata":{"labels":{"$patch":"replace","x":"y"}}}`, true},
		{types.StrategicMergePatchType, `{"metadata":{"labels":{"x":"y","a":null}},"spec":{"strategy":{"type":"Recreate"}}}`, true},
		{types.StrategicMergePatchType, `{"metadata":{"labels":{"x":null},"annotations":null},"spec":{"template":{"metadata":{"labels":null}}}}`, true},
		{types.MergePatchType, `{"metadata":{"labels":null,"annotations":{"x":"y"}}}`, true},
		{types.MergePatchType, `{"metadata":{"creationTimestamp":"2026-01-02T03:04:05Z"},"spec":{"template":{"spec":{"nodeName":"n"}}}}`, true},
		{types.MergePatchType, `{"spec":{"template":{"spec":{"containers":[]}},"strategy":{"type":"Recreate"},"selector":{"matchLabels":{"c":"d"}}}}`, true},
		{types.MergePatchType, `{"spec":{},"status":{"replicas":null,"readyReplicas":2}}`, true},
		{types.StrategicMergePatchType, `{"spec":{"template":{"$patch":"replace","metadata":{"labels":{"x":"y"}}}}}`, true},
		{types.StrategicMergePatchType, `{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"c"}],"containers":[{"name":"c","image":"i"}]}}}}`, true},
		{types.StrategicMergePatchType, `{"metadata":{"$deleteFromPrimitiveList/finalizers":["x/y"],"finalizers":["y/z"]}}`, true},
		{types.StrategicMergePatchType, `{"metadata":{"$retainKeys":["name"],"name":"web"}}`, true},
		{types.MergePatchType, `{"spec":{"template":{"spec":{"Containers":[]}}}}`, false},
		{types.MergePatchType, `{"spec":{"replicas":null},"status":{"replicas":3}}`, true},
		{types.StrategicMergePatchType, `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"httpd"},{"name":"d","image":"e"}]}}}}`, true},
		{types.StrategicMergePatchType, `{"status":{"conditions":[{"type":"Available","status":"True"}]}}`, true},
		{types.MergePatchType, `{}`, false},
		{types.MergePatchType, `{"kind":"Deployment","metadata":{"annotations":{"x":"y"}}}`, false},
		{types.MergePatchType, `{"Metadata":{}}`, false},
		{types.StrategicMergePatchType, `{"$retainKeys":["metadata","spec"],"spec":{"paused":true}}`, false},
		{types.JSONPatchType, `[{"op":"remove","path":"/spec/replicas"}]`, false},
		{types.MergePatchType, `{"spec":{"replicas":"x"}}`, false},
	} {
		obj := at.Version.New()
		if _, err := c.DecodeObject(codec.Body{Data: []byte(text)}, obj); err != nil {
			t.Fatal(err)
		}
		before := textOf(t, obj)
		how, err := New(test.kind, []byte(test.body), at.Version.New())
		if err != nil {
			t.Fatal(err)
		}
		part, ok := how.Part(obj, at, c, true)
		if ok != test.part {
			t.Errorf("%s: as a part %v, want %v", test.body, ok, test.part)
		}
		if textOf(t, obj) != before {
			t.Errorf("%s: the object that was patched has changed", test.body)
		}
		if !ok {
			continue
		}
		after, err := how.Apply([]byte(before))
		if err != nil {
			t.Fatal(err)
		}
		whole := at.Version.New()
		if _, err := c.DecodeObject(codec.Body{Data: after, Strict: true}, whole); err != nil {
			t.Fatal(err)
		}
		if got, want := textOf(t, part), textOf(t, whole); got != want {
			t.Errorf("%s:\n got %s\nwant %s", test.body, got, want)
		}
	}
}

func textOf(t *testing.T, obj resource.Object) string {
	t.Helper()
	data, err := codec.Encode(obj, codec.JSON)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(data))
}
