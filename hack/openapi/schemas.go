package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	admissionv1 "k8s.io/api/admission/v1"
	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	corev1 "k8s.io/api/core/v1"
	imagepolicyv1alpha1 "k8s.io/api/imagepolicy/v1alpha1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apiextensionsv1beta1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubescheme "k8s.io/client-go/kubernetes/scheme"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
	apiregistrationv1beta1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1beta1"
	"k8s.io/kube-openapi/pkg/builder3/util"
	"k8s.io/kube-openapi/pkg/schemamutation"
	"k8s.io/kube-openapi/pkg/validation/spec"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"

	"github.com/coxswain-k8s/coxswain/apis"
)

// shared are the packages that types of other packages are made of.
var shared = []string{
	"k8s.io/apimachinery/pkg/api/resource",
	"k8s.io/apimachinery/pkg/apis/meta/v1",
	"k8s.io/apimachinery/pkg/runtime",
	"k8s.io/apimachinery/pkg/util/intstr",
	"k8s.io/apimachinery/pkg/version",
}

// packages are those that declare the types that are served, and what they are made of.
func packages() []string {
	found := map[string]bool{}
	for _, p := range shared {
		found[p] = true
	}
	for kind, t := range apis.NewScheme().AllKnownTypes() {
		if kind.Version != runtime.APIVersionInternal {
			found[t.PkgPath()] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// modelName is the name of a type's schema.
func modelName(t reflect.Type) string {
	if named, ok := reflect.New(t).Interface().(interface{ OpenAPIModelName() string }); ok {
		return named.OpenAPIModelName()
	}
	return friendly(t.PkgPath() + "." + t.Name())
}

// friendly turns k8s.io/api/core/v1.Pod into io.k8s.api.core.v1.Pod.
func friendly(path string) string {
	if !strings.Contains(path, "/") {
		return path
	}
	parts := strings.Split(path, "/")
	host := strings.Split(parts[0], ".")
	slices.Reverse(host)
	parts[0] = strings.Join(host, ".")
	return strings.Join(parts, ".")
}

// kinds returns the kinds that each schema is the schema of. Types of metav1, such as DeleteOptions, belong to every
// group, served or not, that a client may come from.
func kinds() (map[string][]schema.GroupVersionKind, error) {
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		kubescheme.AddToScheme, admissionv1.AddToScheme, admissionv1beta1.AddToScheme, imagepolicyv1alpha1.AddToScheme,
		apiextensionsv1.AddToScheme, apiextensionsv1beta1.AddToScheme, apiregistrationv1.AddToScheme, apiregistrationv1beta1.AddToScheme, metricsv1beta1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return nil, fmt.Errorf("making scheme: %w", err)
		}
	}
	metav1.AddToGroupVersion(scheme, corev1.SchemeGroupVersion)
	known := map[string][]schema.GroupVersionKind{}
	for kind, t := range scheme.AllKnownTypes() {
		if kind.Version != runtime.APIVersionInternal {
			known[modelName(t)] = append(known[modelName(t)], kind)
		}
	}
	for _, list := range known {
		slices.SortFunc(list, func(a, b schema.GroupVersionKind) int {
			return strings.Compare(a.Group+"/"+a.Version+"/"+a.Kind, b.Group+"/"+b.Version+"/"+b.Kind)
		})
	}
	return known, nil
}

// render returns a line for each schema: its name, its form in OpenAPI v3, and its form in v2, separated by tabs; and the markers.
func render(raw []byte) (lines, marks []byte, err error) {
	var generated map[string]map[string]spec.Schema
	if err := json.Unmarshal(raw, &generated); err != nil {
		return nil, nil, fmt.Errorf("reading schemas: %w", err)
	}
	known, err := kinds()
	if err != nil {
		return nil, nil, err
	}
	named, bare := map[string]map[string]spec.Schema{}, map[string]spec.Schema{}
	for path, versions := range generated {
		named[friendly(path)] = versions
		bare[friendly(path)] = versions["v3"]
	}
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(named)) {
		v3, v2 := named[name]["v3"], named[name]["v2"]
		addKinds(&v3, inDocument(known[name]))
		addKinds(&v2, known[name])
		three, err := encode(util.WrapRefs(&v3), "#/components/schemas/")
		if err != nil {
			return nil, nil, err
		}
		two, err := encode(withoutDefaults(&v2), "#/definitions/")
		if err != nil {
			return nil, nil, err
		}
		fmt.Fprintf(&out, "%s\t%s\t%s\n", name, three, two)
	}
	return out.Bytes(), markers(bare), nil
}

// withoutDefaults drops the defaults, which OpenAPI v2 does not show.
func withoutDefaults(s *spec.Schema) *spec.Schema {
	walker := schemamutation.Walker{RefCallback: schemamutation.RefCallbackNoop, SchemaCallback: func(s *spec.Schema) *spec.Schema {
		if s.Default == nil {
			return s
		}
		bare := *s
		bare.Default = nil
		return &bare
	}}
	return walker.WalkSchema(s)
}

// inDocument leaves, of a type that is a kind of many groups, the one of the core group. The server adds the one of the group
// that a document of OpenAPI v3 is about.
func inDocument(kinds []schema.GroupVersionKind) []schema.GroupVersionKind {
	if len(kinds) < 2 {
		return kinds
	}
	return slices.DeleteFunc(slices.Clone(kinds), func(k schema.GroupVersionKind) bool { return k.Group != "" })
}

func addKinds(s *spec.Schema, kinds []schema.GroupVersionKind) {
	if len(kinds) == 0 {
		return
	}
	var list []any
	for _, k := range kinds {
		list = append(list, map[string]any{"group": k.Group, "version": k.Version, "kind": k.Kind})
	}
	s.AddExtension("x-kubernetes-group-version-kind", list)
}

// encode returns compact JSON whose references start with prefix and name schemas as upstream does.
func encode(s *spec.Schema, prefix string) ([]byte, error) {
	data, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("writing schema: %w", err)
	}
	var out bytes.Buffer
	for {
		before, rest, found := bytes.Cut(data, []byte(`"$ref":"#/definitions/`))
		out.Write(before)
		if !found {
			return out.Bytes(), nil
		}
		path, rest, _ := bytes.Cut(rest, []byte(`"`))
		fmt.Fprintf(&out, `"$ref":"%s%s"`, prefix, friendly(strings.ReplaceAll(string(path), "~1", "/")))
		data = rest
	}
}
