package fieldmanager

import (
	"testing"

	"github.com/google/go-cmp/cmp"
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
