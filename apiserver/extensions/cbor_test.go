package extensions_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/serializer/cbor"
)

// Custom resources travel in CBOR like all others, alone, in lists and in watches.
func TestCustomResourcesInCBOR(t *testing.T) {
	s := newServer(t)
	s.CBOR = true
	s.define(t, version("v1", true, "a", "b"))
	codec := cbor.NewSerializer(nil, nil)
	var body bytes.Buffer
	if err := codec.Encode(host("v1", "one", map[string]any{"a": "x", "unknown": int64(1)}), &body); err != nil {
		t.Fatal(err)
	}
	const path = "/apis/example.com/v1/namespaces/default/hosts"
	do := func(method, path string, data []byte) []byte {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, "http://test"+path, bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/cbor")
		r.Header.Set("Accept", "application/cbor")
		response, err := s.config().Transport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode >= http.StatusBadRequest {
			t.Fatalf("%s: %d %q %v", method, response.StatusCode, answer, err)
		}
		return answer
	}
	want := map[string]any{"a": "x"}
	for _, answer := range [][]byte{do("POST", path, body.Bytes()), do("GET", path+"/one", nil)} {
		got := &unstructured.Unstructured{}
		if _, _, err := codec.Decode(answer, nil, got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got.Object["spec"]); diff != "" || got.GetKind() != "Host" {
			t.Errorf("%s: %s", got.GetKind(), diff)
		}
	}
	list := &unstructured.UnstructuredList{}
	if _, _, err := codec.Decode(do("GET", path, nil), nil, list); err != nil {
		t.Fatal(err)
	}
	if len(list.Items) != 1 || list.Items[0].GetName() != "one" || list.Items[0].GetKind() != "Host" || list.GetResourceVersion() == "" {
		t.Errorf("listed %v", list)
	}
}
