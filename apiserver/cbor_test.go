package apiserver

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor/direct"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/coxswain-k8s/coxswain/apis"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

// inCBOR is a client that speaks nothing else.
func (ts *testServer) inCBOR() *rest.RESTClient {
	ts.t.Helper()
	scheme := apis.NewScheme()
	factory := serializer.NewCodecFactory(scheme, serializer.WithSerializer(cbor.NewSerializerInfo))
	client, err := rest.RESTClientFor(&rest.Config{Host: ts.url, APIPath: "/api", ContentConfig: rest.ContentConfig{
		GroupVersion: &corev1.SchemeGroupVersion, NegotiatedSerializer: factory.WithoutConversion(),
		ContentType: "application/cbor", AcceptContentTypes: "application/cbor",
	}})
	if err != nil {
		ts.t.Fatal(err)
	}
	return client
}

func TestCBOR(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.CBOR = true })
	client, ctx := ts.inCBOR(), t.Context()
	made := &corev1.Secret{}
	given := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "one", Labels: map[string]string{"a": "b"}}, Data: map[string][]byte{"k": {0, 1, 255}}}
	if err := client.Post().Namespace("default").Resource("secrets").Body(given).Do(ctx).Into(made); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(given.Data, made.Data); diff != "" || made.UID == "" {
		t.Errorf("what was created: %s", diff)
	}
	watcher, err := client.Get().Namespace("default").Resource("secrets").Param("watch", "true").Timeout(time.Minute).Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer watcher.Stop()
	if event := <-watcher.ResultChan(); event.Type != "ADDED" || event.Object.(*corev1.Secret).Name != "one" || !bytes.Equal(event.Object.(*corev1.Secret).Data["k"], given.Data["k"]) {
		t.Errorf("the first event is %v", event)
	}
	made.Data["more"] = []byte("x")
	if err := client.Put().Namespace("default").Resource("secrets").Name("one").Body(made).Do(ctx).Into(made); err != nil {
		t.Fatal(err)
	}
	if event := <-watcher.ResultChan(); event.Type != "MODIFIED" || string(event.Object.(*corev1.Secret).Data["more"]) != "x" {
		t.Errorf("the second event is %v", event)
	}
	list := &corev1.SecretList{}
	if err := client.Get().Namespace("default").Resource("secrets").Do(ctx).Into(list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.ResourceVersion == "" || list.Items[0].Kind != "" || !bytes.Equal(list.Items[0].Data["k"], given.Data["k"]) {
		t.Errorf("listed %v", list)
	}
	raw, err := client.Get().Namespace("default").Resource("secrets").SetHeader("Accept", "application/cbor;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1").Do(ctx).Raw()
	var partial metav1.PartialObjectMetadataList
	if err != nil || direct.Unmarshal(raw, &partial) != nil || len(partial.Items) != 1 || partial.Items[0].Labels["a"] != "b" {
		t.Errorf("metadata: %v, %v", partial, err)
	}
	err = client.Get().Namespace("default").Resource("secrets").Name("none").Do(ctx).Error()
	if err == nil || err.Error() != `secrets "none" not found` {
		t.Errorf("what is not there: %v", err)
	}
	policy := metav1.DeletePropagationBackground
	if err := client.Delete().Namespace("default").Resource("secrets").Name("one").Body(&metav1.DeleteOptions{PropagationPolicy: &policy, Preconditions: &metav1.Preconditions{UID: &made.UID}}).Do(ctx).Error(); err != nil {
		t.Error(err)
	}
}

func TestCBORApplies(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.CBOR, s.FieldManager = true, fieldmanager.New(apis.NewScheme()) })
	configuration := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "one"}, "data": map[string]any{"a": "b"}}}
	var body bytes.Buffer
	if err := cbor.NewSerializer(nil, nil).Encode(runtime.Object(configuration), &body); err != nil {
		t.Fatal(err)
	}
	path := configMaps + "/one?fieldManager=m"
	ts.do(http.MethodPatch, path, body.String(), "Content-Type", string(types.ApplyCBORPatchType)).wants(201).says(`"data":{"a":"b"}`)
	ts.do(http.MethodPatch, path, "x", "Content-Type", string(types.ApplyCBORPatchType)).wants(400).says("error decoding YAML: unexpected EOF")
	ts.do(http.MethodPost, configMaps, "x", "Content-Type", "application/cbor").wants(400).
		says("the object provided is unrecognized (must be of type ConfigMap): unable to determine group/version/kind: unexpected EOF (78)")
	ts.do(http.MethodPost, configMaps, "x", "Content-Type", "application/x").wants(415).
		says("accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/cbor")
	ts.get(configMaps, "Accept", "application/cbor;as=Table;v=v1;g=meta.k8s.io").wants(406)
	strict := &unstructured.Unstructured{Object: map[string]any{"apiVersion": "v1", "kind": "ConfigMap", "metadata": map[string]any{"name": "two"}, "colour": "blue"}}
	body.Reset()
	if err := cbor.NewSerializer(nil, nil).Encode(runtime.Object(strict), &body); err != nil {
		t.Fatal(err)
	}
	ts.do(http.MethodPost, configMaps+"?fieldValidation=Strict", body.String(), "Content-Type", "application/cbor").wants(400).says("strict decoding error: cbor: found unknown field")
}

// TestDiscoveryInCBOR: the resources of a group version are told in CBOR, as upstream does (but for those of core, where it breaks the
// connection), and the other documents are not.
func TestDiscoveryInCBOR(t *testing.T) {
	ts := newServer(t, func(s *Server) { s.CBOR = true })
	for _, path := range []string{"/api/v1", "/apis/apps/v1"} {
		answer := ts.get(path, "Accept", "application/cbor").wants(200)
		var list metav1.APIResourceList
		if err := direct.Unmarshal(answer.body, &list); err != nil || list.Kind != "APIResourceList" || len(list.APIResources) < 5 {
			t.Errorf("%s: %v %v", path, list, err)
		}
		ts.get(path, "Accept", "text/html").wants(406).says("Available representations: application/json, application/yaml, application/vnd.kubernetes.protobuf, application/cbor")
	}
	const aggregated = ";as=APIGroupDiscoveryList;v=v2;g=apidiscovery.k8s.io"
	for _, path := range []string{"/api", "/apis", "/apis/apps"} {
		ts.get(path, "Accept", "application/cbor").wants(406).says("application/vnd.kubernetes.protobuf\"")
		ts.get(path, "Accept", "application/cbor"+aggregated).wants(406)
		ts.get(path, "Accept", "application/cbor, application/json;q=0.5").wants(200).says(`"kind":"API`)
	}
	tag := ts.get("/apis", "Accept", "application/json"+aggregated).wants(200).header.Get("Etag")
	if other := ts.get("/apis", "Accept", "application/vnd.kubernetes.protobuf"+aggregated).wants(200).header.Get("Etag"); tag == "" || tag != other {
		t.Errorf("the tags of one document are %s and %s", tag, other)
	}
}

// As upstream has it by default, CBOR is no media type.
func TestCBORIsOffByDefault(t *testing.T) {
	ts := newServer(t)
	ts.get(configMaps, "Accept", "application/cbor").wants(406)
	ts.get(configMaps+"?watch=true", "Accept", "application/cbor-seq").wants(406)
	ts.do(http.MethodPost, configMaps, "x", "Content-Type", "application/cbor").wants(415).
		says("accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf\"")
	ts.do(http.MethodPatch, configMaps+"/one", "x", "Content-Type", string(types.ApplyCBORPatchType)).wants(415).says("415: Unsupported Media Type")
}
