package fieldmanager

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// asYAML is what upstream makes of a configuration.
func asYAML(data []byte) (map[string]any, error) {
	converted, err := yaml.YAMLToJSON(data)
	if err != nil {
		return nil, err
	}
	object := map[string]any{}
	return object, kjson.UnmarshalCaseSensitivePreserveInts(converted, &object)
}

func TestIsPlain(t *testing.T) {
	for data, plain := range map[string]bool{
		`{"a":{"b":["c",1,true,null]}}`:        true,
		`{"script":"a\n\tb \"c\" \\ d"}`:       true,
		`{"a":1,"a":2}`:                        false, // YAML has its own words for that
		`{"a":1.5}`:                            false,
		`{"a":1e3}`:                            false,
		`{"a":99999999999999999999}`:           false,
		`{"a":"\u00e9"}`:                       false,
		`{"<<":{"a":1}}`:                       false,
		"{\t\"a\":1}":                          false,
		`{a: 1}`:                               false,
		"a: 1\n":                               false,
		`{"a":1} {"b":2}`:                      false,
		``:                                     false,
		`{"a":"` + string([]byte{0xff}) + `"}`: false,
	} {
		if got := Parse([]byte(data)).Plain; got != plain {
			t.Errorf("%q: %v", data, got)
		}
	}
}

// FuzzReadConfiguration: the short way leads where the long one does.
func FuzzReadConfiguration(f *testing.F) {
	for _, seed := range []string{
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","labels":{"on":"yes","n":"1"}},"spec":{"containers":[{"name":"c","args":["~","null","0x1F","1_000","2001-01-01"]}]}}`,
		`{"a":-0,"b":9223372036854775807,"c":18446744073709551615,"d":""}`, `{"a":"line\nline","b":"\"'#: - {}[]&*!|>%@"}`, `{ "a" : [ ] , "b" : { } }`, `{"y":true,"=":1,"":2}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, ok := readPlain(data)
		if !ok {
			return
		}
		want, err := asYAML(data)
		if err != nil {
			return // taken although YAML would not: control characters, long keys
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q:\n%s", data, diff)
		}
	})
}

// alike is a resource with one version.
type alike struct{}

func (alike) Default(runtime.Object) {}

func (alike) New(schema.GroupVersionKind) (runtime.Object, error) {
	return &unstructured.Unstructured{}, nil
}

func (alike) Convert(_, _, _ any) error { return errVersion }

func (alike) ConvertToVersion(in runtime.Object, _ runtime.GroupVersioner) (runtime.Object, error) {
	return in, nil
}

func (alike) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}

// A configuration is applied again when the object changed meanwhile: what becomes of the object that came out first, defaults and the
// like, is not in it then.
func TestAppliedConfigurationIsNotChanged(t *testing.T) {
	kind := schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Boat"}
	m, err := managedfields.NewDefaultCRDFieldManager(managedfields.NewDeducedTypeConverter(), alike{}, alike{}, alike{}, kind, kind.GroupVersion(), "", nil)
	if err != nil {
		t.Fatal(err)
	}
	live := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{"name": "a"}}}
	live.SetGroupVersionKind(kind)
	data := []byte(`{"apiVersion":"example.com/v1","kind":"Boat","metadata":{"name":"a"},"spec":{"sails":[{"size":1}]}}`)
	parsed := Parse(data)
	merged, err := Merge(m, live, Configuration{Data: data, Parsed: parsed, Manager: "m"})
	if err != nil {
		t.Fatal(err)
	}
	sails, _, err := unstructured.NestedFieldNoCopy(merged.(*unstructured.Unstructured).Object, "spec", "sails")
	if err != nil {
		t.Fatal(err)
	}
	sails.([]any)[0].(map[string]any)["color"] = "white" // a default
	if diff := cmp.Diff(Parse(data).object, parsed.object); diff != "" {
		t.Error(diff)
	}
}
