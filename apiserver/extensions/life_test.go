package extensions_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var text = apiextensionsv1.JSONSchemaProps{Type: "string"}

// version of a definition whose spec has the named fields.
func version(name string, stored bool, fields ...string) apiextensionsv1.CustomResourceDefinitionVersion {
	spec := apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{}}
	for _, field := range fields {
		spec.Properties[field] = text
	}
	return apiextensionsv1.CustomResourceDefinitionVersion{Name: name, Served: true, Storage: stored, Schema: &apiextensionsv1.CustomResourceValidation{
		OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": spec}},
	}}
}

// define creates the definition of hosts, and returns when it is established.
func (s *server) define(t *testing.T, versions ...apiextensionsv1.CustomResourceDefinitionVersion) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	crd := definition("hosts", "Host", versions...)
	s.establish(t, crd)
	return crd
}

func definition(plural, kind string, versions ...apiextensionsv1.CustomResourceDefinitionVersion) *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{Name: plural + ".example.com"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "example.com", Scope: apiextensionsv1.NamespaceScoped, Versions: versions,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: plural, Kind: kind},
		},
	}
}

// establish creates a definition, and returns when it is established.
func (s *server) establish(t testing.TB, crd *apiextensionsv1.CustomResourceDefinition) {
	t.Helper()
	if err := s.client.Create(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	s.await(t, crd, func() bool {
		for _, condition := range crd.Status.Conditions {
			if condition.Type == apiextensionsv1.Established {
				return condition.Status == apiextensionsv1.ConditionTrue
			}
		}
		return false
	})
}

// await returns when a definition is as wanted.
func (s *server) await(t testing.TB, crd *apiextensionsv1.CustomResourceDefinition, wanted func() bool) {
	t.Helper()
	s.follow(t, crd, func(event watch.EventType) bool { return event != watch.Deleted && wanted() })
}

// awaitGone returns when a definition is gone.
func (s *server) awaitGone(t *testing.T, crd *apiextensionsv1.CustomResourceDefinition) {
	t.Helper()
	s.follow(t, crd, func(event watch.EventType) bool { return event == watch.Deleted })
}

// follow takes over what becomes of a definition that there is, until that is enough.
func (s *server) follow(t testing.TB, crd *apiextensionsv1.CustomResourceDefinition, enough func(event watch.EventType) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	watching, err := s.client.Watch(ctx, &apiextensionsv1.CustomResourceDefinitionList{}, client.MatchingFields{"metadata.name": crd.Name},
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: crd.ResourceVersion}})
	if err != nil {
		t.Fatal(err)
	}
	defer watching.Stop()
	for event := range watching.ResultChan() {
		now, ok := event.Object.(*apiextensionsv1.CustomResourceDefinition)
		if !ok {
			t.Fatal(event.Object)
		}
		*crd = *now
		if enough(event.Type) {
			return
		}
	}
	t.Fatalf("%s is not as wanted: %v", crd.Name, crd.Status.Conditions)
}

func host(version, name string, spec map[string]any) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	obj.SetGroupVersionKind(schema.GroupVersionKind{Group: "example.com", Version: version, Kind: "Host"})
	obj.SetName(name)
	obj.SetNamespace("default")
	return obj
}

func TestDeletingADefinition(t *testing.T) {
	s := newServer(t)
	crd := s.define(t, version("v1", true, "address"))
	kept, free := host("v1", "kept", map[string]any{"address": "a"}), host("v1", "free", nil)
	kept.SetFinalizers([]string{"example.com/held"})
	for _, obj := range []*unstructured.Unstructured{kept, free} {
		if err := s.client.Create(t.Context(), obj); err != nil {
			t.Fatal(err)
		}
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kept.GroupVersionKind().GroupVersion().WithKind("HostList"))
	watching, err := s.client.Watch(t.Context(), list)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.client.Delete(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	deleted := func(name string) {
		t.Helper()
		for event := range watching.ResultChan() {
			if obj, ok := event.Object.(*unstructured.Unstructured); ok && event.Type == watch.Deleted && obj.GetName() == name {
				return
			}
		}
		t.Fatalf("the watch ended before %s was deleted", name)
	}
	deleted("free")
	if err := s.client.Create(t.Context(), host("v1", "late", nil)); !apierrors.IsForbidden(err) {
		t.Errorf("an object of a definition that is being deleted was not forbidden: %v", err)
	}
	if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(crd), crd); err != nil {
		t.Fatal("the definition went before its objects:", err)
	}
	if err := s.client.Patch(t.Context(), kept, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`))); err != nil {
		t.Fatal(err)
	}
	deleted("kept")
	for range watching.ResultChan() { // ends with what was watched
	}
	s.define(t, version("v1", true, "other"))
	again := host("v1", "kept", map[string]any{"address": "a", "other": "b"})
	if err := s.client.Create(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if spec := again.Object["spec"].(map[string]any); spec["address"] != nil || spec["other"] != "b" {
		t.Errorf("the new schema is not gone by: %v", spec)
	}
}

// converter answers as the author of hosts would: v1 has "address", v2 has "name" and "port".
func converter(t *testing.T, calls *[]int) *httptest.Server {
	t.Helper()
	return httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		review := &apiextensionsv1.ConversionReview{}
		if err := json.NewDecoder(r.Body).Decode(review); err != nil {
			t.Error(err)
			return
		}
		*calls = append(*calls, len(review.Request.Objects))
		response := &apiextensionsv1.ConversionResponse{UID: review.Request.UID, Result: metav1.Status{Status: metav1.StatusSuccess}}
		for _, raw := range review.Request.Objects {
			obj := &unstructured.Unstructured{}
			if err := json.Unmarshal(raw.Raw, obj); err != nil {
				t.Error(err)
				return
			}
			spec := obj.Object["spec"].(map[string]any)
			if address, ok := spec["address"].(string); ok {
				name, port, _ := strings.Cut(address, ":")
				obj.Object["spec"] = map[string]any{"name": name, "port": port, "unknown": "dropped"}
			} else {
				obj.Object["spec"] = map[string]any{"address": spec["name"].(string) + ":" + spec["port"].(string)}
			}
			obj.SetAPIVersion(review.Request.DesiredAPIVersion)
			response.ConvertedObjects = append(response.ConvertedObjects, runtime.RawExtension{Object: obj})
		}
		review.Request, review.Response = nil, response
		_ = json.NewEncoder(w).Encode(review)
	}))
}

func TestConvertingByAWebhook(t *testing.T) {
	var calls []int
	webhook := converter(t, &calls)
	defer webhook.Close()
	s := newServer(t)
	crd := s.define(t, version("v1", true, "address"), version("v2", false, "name", "port"))
	crd.Spec.Conversion = &apiextensionsv1.CustomResourceConversion{Strategy: apiextensionsv1.WebhookConverter, Webhook: &apiextensionsv1.WebhookConversion{
		ConversionReviewVersions: []string{"v1"},
		ClientConfig: &apiextensionsv1.WebhookClientConfig{URL: ptr.To(webhook.URL), CABundle: pem.EncodeToMemory(
			&pem.Block{Type: "CERTIFICATE", Bytes: webhook.Certificate().Raw})},
	}}
	if err := s.client.Update(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	s.settle(t)
	for _, name := range []string{"a", "b", "c"} {
		if err := s.client.Create(t.Context(), host("v1", name, map[string]any{"address": name + ":80"})); err != nil {
			t.Fatal(err)
		}
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "example.com", Version: "v2", Kind: "HostList"})
	for range 2 {
		if err := s.client.List(context.Background(), list); err != nil {
			t.Fatal(err)
		}
	}
	if len(calls) != 1 || calls[0] != 3 {
		t.Errorf("two lists asked for %v objects; the three are converted at once, and kept", calls)
	}
	want := map[string]any{"name": "b", "port": "80"}
	if got := list.Items[1].Object["spec"].(map[string]any); len(got) != len(want) || got["name"] != want["name"] || got["port"] != want["port"] {
		t.Errorf("got %v, want %v", got, want)
	}
	if err := s.client.Create(t.Context(), host("v2", "d", map[string]any{"name": "d", "port": "81"})); err != nil {
		t.Fatal(err)
	}
	stored := host("v1", "d", nil)
	if err := s.client.Get(t.Context(), client.ObjectKeyFromObject(stored), stored); err != nil {
		t.Fatal(err)
	}
	if address := stored.Object["spec"].(map[string]any)["address"]; address != "d:81" {
		t.Errorf("stored %v", address)
	}
	for _, name := range []string{"e", "f"} {
		if err := s.client.Create(t.Context(), host("v1", name, map[string]any{"address": name + ":80"})); err != nil {
			t.Fatal(err)
		}
	}
	calls = nil
	if err := s.client.DeleteAllOf(t.Context(), host("v2", "", nil), client.InNamespace(stored.GetNamespace())); err != nil {
		t.Fatal(err)
	}
	if len(calls) != 1 || calls[0] != 3 {
		t.Errorf("a deletion of all asked for %v objects; those that were not converted yet are at once", calls)
	}
}

func TestAStatusThatCannotBeWrittenIsWrittenLater(t *testing.T) {
	s := newServer(t)
	s.unwritten.Store(2)
	s.define(t, version("v1", true, "address"))
	if left := s.unwritten.Load(); left > 0 {
		t.Errorf("%d more writes were to fail", left)
	}
	if err := s.client.Create(t.Context(), host("v1", "a", nil)); err != nil {
		t.Error(err)
	}
}
