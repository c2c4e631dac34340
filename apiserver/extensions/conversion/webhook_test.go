package conversion

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
)

// What is larger than the answer of one call may be is converted in several.
func TestManyBytesAreConvertedInParts(t *testing.T) {
	var calls []int64
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls = append(calls, r.ContentLength)
		review := &apiextensionsv1.ConversionReview{}
		if err := json.NewDecoder(r.Body).Decode(review); err != nil {
			t.Error(err)
			return
		}
		response := &apiextensionsv1.ConversionResponse{UID: review.Request.UID, Result: metav1.Status{Status: metav1.StatusSuccess}}
		for _, raw := range review.Request.Objects {
			text := strings.Replace(string(raw.Raw), "example.com/v1", review.Request.DesiredAPIVersion, 1)
			response.ConvertedObjects = append(response.ConvertedObjects, runtime.RawExtension{Raw: []byte(text)})
		}
		review.Request, review.Response = nil, response
		_ = json.NewEncoder(w).Encode(review)
	}))
	defer server.Close()
	w := &Webhook{Clients: &webhookclient.Clients{}, Review: "v1", Config: webhookclient.Config{
		URL: server.URL, CABundle: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}),
	}}
	var objects []*unstructured.Unstructured
	for i := range 40 {
		size := 100 << 10
		if i == 20 {
			size = maxSent + 1 // goes alone
		}
		version := "v1"
		if i%10 == 0 && i != 20 {
			version = "v2" // stays as it is
		}
		objects = append(objects, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "example.com/" + version, "kind": "Host", "metadata": map[string]any{"name": fmt.Sprint(i)}, "data": strings.Repeat("x", size),
		}})
	}
	converted, err := w.Convert(t.Context(), objects, schema.GroupVersion{Group: "example.com", Version: "v2"})
	if err != nil {
		t.Fatal(err)
	}
	for i, obj := range converted {
		if obj.GetName() != fmt.Sprint(i) || obj.GetAPIVersion() != "example.com/v2" {
			t.Errorf("%d is %s %s", i, obj.GetAPIVersion(), obj.GetName())
		}
	}
	if len(calls) != 5 {
		t.Errorf("called with %v bytes; want 18 small objects in two calls, one large one, and 18 small ones in two", calls)
	}
	for _, size := range calls {
		if size > maxSent+1<<10 {
			t.Errorf("a call has %d bytes", size)
		}
	}
}

func TestReviewsMayBeYAML(t *testing.T) {
	review, err := decode([]byte("apiVersion: apiextensions.k8s.io/v1\nkind: ConversionReview\nresponse: {uid: u, result: {status: Success}}"))
	if err != nil || review.Kind != "ConversionReview" || review.Response == nil || review.Response.UID != "u" {
		t.Errorf("%v, %v", review, err)
	}
	if _, err := decode([]byte("hello")); err == nil {
		t.Error("a word is a review")
	}
}

// An object that has no name yet is not told from others by that.
func TestObjectsKeepTheirMetadata(t *testing.T) {
	original := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"generateName": "a-"}}}
	for name, metadata := range map[string]any{"none": nil, "a word": "x"} {
		if err := keepMetadata(&unstructured.Unstructured{Object: map[string]any{"metadata": metadata}}, original); err == nil {
			t.Errorf("%s: is taken", name)
		}
	}
}
