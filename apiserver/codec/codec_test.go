package codec_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"

	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

func newScheme(t testing.TB) *runtime.Scheme {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := corev1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	return scheme
}

func configMap(name string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta:   metav1.TypeMeta{Kind: "ConfigMap", APIVersion: "v1"},
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "default"}, Data: map[string]string{"a": name},
	}
}

func TestStoredFormIsUpstreams(t *testing.T) {
	scheme := newScheme(t)
	var want bytes.Buffer
	if err := protobuf.NewSerializer(scheme, scheme).Encode(configMap("one"), &want); err != nil {
		t.Fatal(err)
	}
	got, err := codec.EncodeStored(configMap("one"))
	if err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("stored %q (%v), want %q", got, err, want.Bytes())
	}
	back := &corev1.ConfigMap{}
	kind, err := codec.DecodeStored(got, back)
	if err != nil || kind.Kind != "ConfigMap" || back.Data["a"] != "one" {
		t.Errorf("read back %v %v (%v)", kind, back, err)
	}
	for cut := range len(got) {
		_, _ = codec.DecodeStored(got[:cut], &corev1.ConfigMap{}) // must not panic
	}
}

func TestSplicedListIsAList(t *testing.T) {
	want := &corev1.ConfigMapList{ListMeta: metav1.ListMeta{ResourceVersion: "7"}}
	list := map[codec.Media]*codec.List{}
	for _, media := range []codec.Media{codec.JSON, codec.Protobuf} {
		list[media] = &codec.List{Kind: corev1.SchemeGroupVersion.WithKind("ConfigMapList"), Item: corev1.SchemeGroupVersion.WithKind("ConfigMap"), Meta: want.ListMeta}
	}
	for _, name := range []string{"one", "two"} {
		item := configMap(name)
		plain, err := codec.Encode(item, codec.JSON)
		if err != nil {
			t.Fatal(err)
		}
		message, err := codec.Message(item)
		if err != nil {
			t.Fatal(err)
		}
		list[codec.JSON].Items = append(list[codec.JSON].Items, [][]byte{plain})
		list[codec.Protobuf].Items = append(list[codec.Protobuf].Items, [][]byte{message})
		item.TypeMeta = metav1.TypeMeta{}
		want.Items = append(want.Items, *item)
	}
	var out bytes.Buffer
	if err := list[codec.JSON].Write(&out, codec.JSON); err != nil {
		t.Fatal(err)
	}
	got := &corev1.ConfigMapList{}
	if err := json.Unmarshal(out.Bytes(), got); err != nil {
		t.Fatal(err)
	}
	got.TypeMeta = metav1.TypeMeta{}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("JSON: %s", diff)
	}
	out.Reset()
	if err := list[codec.Protobuf].Write(&out, codec.Protobuf); err != nil {
		t.Fatal(err)
	}
	got = &corev1.ConfigMapList{}
	if _, err := codec.DecodeStored(out.Bytes(), got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("protobuf: %s", diff)
	}
}

func TestNegotiate(t *testing.T) {
	table := func(a codec.Accepted) bool { return a.As == "" || a.As == "Table" && a.AsVersion == "v1" }
	cases := map[string]struct {
		header string
		media  codec.Media
		as     string
		ok     bool
	}{
		"none":            {"", codec.JSON, "", true},
		"anything":        {"*/*", codec.JSON, "", true},
		"protobuf first":  {"application/vnd.kubernetes.protobuf,application/json", codec.Protobuf, "", true},
		"by quality":      {"application/vnd.kubernetes.protobuf;q=0.1, application/yaml;q=0.9", codec.YAML, "", true},
		"kubectl's table": {"application/json;as=Table;v=v1;g=meta.k8s.io,application/json", codec.JSON, "Table", true},
		"unknown version": {"application/json;as=Table;v=v9;g=meta.k8s.io,application/json", codec.JSON, "", true},
		"unknown":         {"text/html", codec.JSON, "", false},
		"no value":        {"application/yaml;charset, application/json", codec.YAML, "", true},
		"no value, table": {"application/json;as=Table;v=v1;pretty;g=meta.k8s.io", codec.JSON, "Table", true},
		"nothing":         {";q=1,application/yaml", codec.YAML, "", true},
	}
	for why, c := range cases {
		got, ok := codec.Negotiate(c.header, table)
		if ok != c.ok || ok && (got.Media != c.media || got.As != c.as) {
			t.Errorf("%s: got %v %v", why, got, ok)
		}
	}
}

// What is read without copying is what a reader that knows all kinds reads.
func TestProtobufIsReadAsByUpstream(t *testing.T) {
	scheme := newScheme(t)
	decoder, kind := codec.NewDecoder(scheme), corev1.SchemeGroupVersion.WithKind("ConfigMap")
	exact, err := codec.EncodeStored(configMap("one"))
	if err != nil {
		t.Fatal(err)
	}
	other, err := codec.EncodeStored(&corev1.Secret{TypeMeta: metav1.TypeMeta{Kind: "Secret", APIVersion: "v1"}})
	if err != nil {
		t.Fatal(err)
	}
	bodies := map[string][]byte{
		"exact": exact, "without an end": bytes.TrimSuffix(exact, []byte("\x1a\x00\x22\x00")),
		"with an encoding": append(bytes.Clone(exact), "\x1a\x04gzip"...), "of no kind": bytes.Replace(exact, []byte("\x12\x09ConfigMap"), []byte("\x12\x00"), 1),
		"another kind": other, "broken": append(bytes.Clone(exact[:len(exact)-8]), exact[len(exact)-4:]...), "without magic": exact[4:], "empty": nil,
	}
	for name, body := range bodies {
		want, _, wantErr := protobuf.NewSerializer(scheme, scheme).Decode(body, &kind, &corev1.ConfigMap{})
		got := &corev1.ConfigMap{}
		_, gotErr := decoder.Decode(codec.Body{Data: body, Media: codec.Protobuf}, kind, got)
		expected, same := want.(*corev1.ConfigMap)
		if (wantErr == nil && same) != (gotErr == nil) {
			t.Errorf("%s: %v, want %v", name, gotErr, wantErr)
			continue
		}
		if gotErr != nil {
			continue
		}
		expected.SetGroupVersionKind(kind)
		if diff := cmp.Diff(expected, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}
