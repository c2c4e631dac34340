package extensions_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/openapi"
)

// TestMemoryOfDefinitions serves many definitions and looks at what each costs while nobody uses it: small ones, and such as
// generators make of types with the template of a pod in them.
func TestMemoryOfDefinitions(t *testing.T) {
	if testing.Short() {
		t.Skip("measures, and takes seconds")
	}
	for name, c := range map[string]struct {
		many, most int
		version    apiextensionsv1.CustomResourceDefinitionVersion
	}{
		"small": {many: 100, most: 40 << 10, version: version("v1", true, "a", "b", "c", "d", "e", "f", "g", "h", "i", "j")},
		"large": {many: 20, most: 100 << 10, version: large(t)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newServer(t)
				for i := range c.many {
					s.establish(t, numbered(i, c.version))
				}
				// Another server on the same etcd has no past to remember, as this one will have none after some minutes.
				before := heap()
				other := newServerOn(t, s.Store)
				if code := other.send(t, "GET", "/apis/example.com/v1/things0", ""); code != http.StatusOK {
					t.Errorf("objects are listed with %d", code)
				}
				each := (int(heap()) - int(before)) / c.many
				if each > c.most {
					t.Errorf("a definition costs %d KiB, want at most %d", each>>10, c.most>>10)
				} else {
					t.Logf("a definition costs %d KiB", each>>10)
				}
			})
		})
	}
}

func numbered(i int, v apiextensionsv1.CustomResourceDefinitionVersion) *apiextensionsv1.CustomResourceDefinition {
	v = *v.DeepCopy()
	v.Schema.OpenAPIV3Schema.Description = fmt.Sprintf("Thing number %d", i)
	return definition(fmt.Sprintf("things%d", i), fmt.Sprintf("Thing%d", i), v)
}

// heap is what is in use when nothing is under way any more. It is for a bubble.
func heap() uint64 {
	time.Sleep(patience)
	synctest.Wait()
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// large is a version whose spec is the template of a pod, with all that is said about that.
func large(t testing.TB) apiextensionsv1.CustomResourceDefinitionVersion {
	t.Helper()
	all, err := openapi.Definitions()
	if err != nil {
		t.Fatal(err)
	}
	v := version("v1", true)
	spec := expanded(t, all, "io.k8s.api.core.v1.PodTemplateSpec")
	v.Schema.OpenAPIV3Schema.Properties["spec"] = spec
	t.Logf("a schema has %d nodes", nodes(&spec))
	return v
}

func nodes(s *apiextensionsv1.JSONSchemaProps) int {
	n := 1
	for _, p := range s.Properties {
		n += nodes(&p)
	}
	if s.Items != nil && s.Items.Schema != nil {
		n += nodes(s.Items.Schema)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil {
		n += nodes(s.AdditionalProperties.Schema)
	}
	return n
}

// expanded is a built-in schema with all that it refers to in place, as a definition may have it.
func expanded(t testing.TB, all map[string]openapi.Schema, name string) apiextensionsv1.JSONSchemaProps {
	t.Helper()
	switch name[strings.LastIndexByte(name, '.')+1:] {
	case "ObjectMeta":
		return apiextensionsv1.JSONSchemaProps{Type: "object"}
	case "Quantity", "IntOrString":
		return apiextensionsv1.JSONSchemaProps{XIntOrString: true}
	}
	var tree map[string]any
	if err := json.Unmarshal(all[name].V3, &tree); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(resolved(t, all, tree))
	if err != nil {
		t.Fatal(err)
	}
	var s apiextensionsv1.JSONSchemaProps
	if err := json.Unmarshal(data, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

func resolved(t testing.TB, all map[string]openapi.Schema, tree map[string]any) any {
	t.Helper()
	reference, _ := tree["$ref"].(string)
	if several, ok := tree["allOf"].([]any); ok {
		reference, _ = several[0].(map[string]any)["$ref"].(string)
	}
	if reference != "" {
		s := expanded(t, all, strings.TrimPrefix(reference, "#/components/schemas/"))
		if text, ok := tree["description"].(string); ok {
			s.Description = text
		}
		return s
	}
	out := map[string]any{}
	for _, key := range []string{"type", "description", "format", "required", "enum"} {
		if tree[key] != nil {
			out[key] = tree[key]
		}
	}
	if properties, ok := tree["properties"].(map[string]any); ok {
		made := map[string]any{}
		for name, of := range properties {
			made[name] = resolved(t, all, of.(map[string]any))
		}
		out["properties"] = made
	}
	for _, key := range []string{"items", "additionalProperties"} {
		if of, ok := tree[key].(map[string]any); ok {
			out[key] = resolved(t, all, of)
		}
	}
	return out
}

// BenchmarkDefinitionServed measures from the request that creates a definition to the answer that a first object of it is created.
func BenchmarkDefinitionServed(b *testing.B) {
	for name, v := range map[string]apiextensionsv1.CustomResourceDefinitionVersion{"small": version("v1", true, "a"), "large": large(b)} {
		b.Run(name, func(b *testing.B) {
			s := newServer(b)
			n := 0
			for b.Loop() {
				n++
				s.used(b, numbered(n, v))
			}
		})
	}
}

// BenchmarkDefinitionServedAsSent is that of a large definition with a client that neither writes nor reads it: it sends what has been
// written before and reads the answers as they are.
func BenchmarkDefinitionServedAsSent(b *testing.B) {
	s, template := newServer(b), numbered(0, large(b))
	template.TypeMeta = metav1.TypeMeta{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition"}
	body, err := json.Marshal(template)
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	for b.Loop() {
		n++
		sent := bytes.ReplaceAll(bytes.ReplaceAll(body, []byte("things0"), fmt.Appendf(nil, "things%d", n)), []byte("Thing0"), fmt.Appendf(nil, "Thing%d", n))
		if _, err := s.extensions.Raw.Post().AbsPath("/apis/apiextensions.k8s.io/v1/customresourcedefinitions").Body(sent).SetHeader("Content-Type", "application/json").DoRaw(b.Context()); err != nil {
			b.Fatal(err)
		}
		first := fmt.Appendf(nil, `{"apiVersion":"example.com/v1","kind":"Thing%d","metadata":{"name":"first"},"spec":{}}`, n)
		for end := time.Now().Add(patience); ; {
			_, err := s.extensions.Raw.Post().AbsPath("/apis/example.com/v1/namespaces/default", fmt.Sprintf("things%d", n)).Body(first).SetHeader("Content-Type", "application/json").DoRaw(b.Context())
			if err == nil {
				break
			}
			if !apierrors.IsNotFound(err) || time.Now().After(end) {
				b.Fatal(err)
			}
		}
	}
}

// used creates a definition, and an object of it as soon as that can be.
func (s *server) used(t testing.TB, crd *apiextensionsv1.CustomResourceDefinition) {
	t.Helper()
	if err := s.client.Create(t.Context(), crd); err != nil {
		t.Fatal(err)
	}
	obj := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{}}}
	obj.SetGroupVersionKind(schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: crd.Spec.Names.Kind})
	obj.SetName("first")
	obj.SetNamespace("default")
	for end := time.Now().Add(patience); ; {
		err := s.client.Create(t.Context(), obj)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
}
