package schemas

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	kjson "sigs.k8s.io/json"
)

// seeds are schemas, and some that are none.
func seeds() []string {
	return []string{
		`{}`, `{"type":"object","properties":{"a":{"type":"string","description":"an <b> & \"c\"\nd\té \u003c\u00e9 \ud83d\ude00"},"b":{"type":"integer","minimum":1.5,"maxLength":7}}}`,
		`{"items":{"type":"string"},"additionalProperties":{"type":"string"}}`, `{"items":[{"type":"string"},{}],"additionalProperties":false,"additionalItems":true}`,
		`{"default":{"a":[1, 2.50,"<"]},"enum":["a",null,1],"example":1,"x-kubernetes-validations":[{"rule":"self > 1","message":"a<b"}]}`,
		`{"allOf":[{"type":"a"}],"anyOf":[],"not":{},"required":[],"properties":{},"x-kubernetes-preserve-unknown-fields":true,"x-kubernetes-list-type":"map","x-kubernetes-list-map-keys":["a"]}`,
		`{"dependencies":{"a":["b"],"c":{"type":"d"}},"definitions":{"a":{}},"externalDocs":{"url":"x"},"$schema":"s","$ref":"r","patternProperties":{"a":{}},"nullable":true}`,
		`{"type":null}`, `{"type":"a","type":"b"}`, `{"unknown":1}`, `{"maxLength":1.0}`, `{"maxLength":01}`, `{"maxLength":-0}`, `{"type":"a" `, `{"type":"\x"}`, `{"type":"\ud800"}`, "{\"type\":\"\xff\"}",
		`{"items":{"unknown":1}}`, `{"items":null}`, `{"items":"x"}`, `{"properties":{"a":{},"a":{"type":"x"}}}`, `{"default":}`, `{"default":nul}`, `{"minimum":1e400}`, "{\"type\":\"a\tb\"}", `{} x`, `[]`, ``, `{"Type":"a"}`,
		`{"type":"\u+123"}`, "{\"description\":\"\u2028\x7f\"}", `{"id":"\u0000schema 0"}`,
	}
}

// same compares with what the library makes of it.
func same(t *testing.T, data []byte) {
	t.Helper()
	want := &apiextensionsv1.JSONSchemaProps{}
	faults, err := kjson.UnmarshalStrict(data, want)
	got := readSchema(data)
	if got == nil {
		return
	}
	if err != nil || len(faults) > 0 {
		t.Fatalf("%s was read; the library says %v %v", data, err, faults)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got)\n%s", data, diff)
	}
	text, err := json.Marshal(want)
	if err != nil {
		return // raw values that cannot be written
	}
	mine, err := appendSchema(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, mine) {
		t.Fatalf("%s is written\n     %s\nwant %s", data, mine, text)
	}
}

func TestSameAsLibrary(t *testing.T) {
	read := 0
	for _, text := range seeds() {
		same(t, []byte(text))
		if readSchema([]byte(text)) != nil {
			read++
		}
	}
	if read < 7 {
		t.Errorf("only %d were read", read)
	}
}

func FuzzSchemas(f *testing.F) {
	for _, text := range seeds() {
		f.Add([]byte(text))
	}
	f.Fuzz(same)
}

// definitionsOf are definitions with a schema in the places where one can be.
func definitionsOf(schema string) []string {
	return []string{
		`{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"a"},"spec":{"group":"g","versions":[{"name":"v1","schema":{"openAPIV3Schema":` + schema + `}},{"name":"v2"}],"scope":"x"}}`,
		` { "spec" : { "versions" : [ { "schema" : { "openAPIV3Schema" : ` + schema + ` } , "name":"v1" }, {"schema":{"openAPIV3Schema":` + schema + `}}]}, "status":{}}`,
		`{"spec":{"versions":[{"schema":{"openAPIV3Schema":` + schema + `,"openAPIV3Schema":{}}}]}}`,
		`{"spec":{"versions":[{"schema":null},{"schema":{}},{}]},"x":` + schema + `}`,
	}
}

// sameDefinition compares a definition that is read in parts with one that is read as a whole.
func sameDefinition(t *testing.T, data []byte) {
	t.Helper()
	want, got := &apiextensionsv1.CustomResourceDefinition{}, &apiextensionsv1.CustomResourceDefinition{}
	wantFaults, wantErr := kjson.UnmarshalStrict(data, want)
	split, ok := Take(data)
	if !ok {
		return
	}
	faults, err := kjson.UnmarshalStrict(split.Rest, got)
	if err != nil || len(faults) > 0 || !split.Fill(got) {
		return
	}
	if wantErr != nil || len(wantFaults) > 0 {
		t.Fatalf("%s was read; the library says %v %v", data, wantErr, wantFaults)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("%s (-want +got)\n%s", data, diff)
	}
	text, err := json.Marshal(want)
	if err != nil {
		return
	}
	mine, err := Encode(got, func(d *apiextensionsv1.CustomResourceDefinition) ([]byte, error) { return json.Marshal(d) })
	if err != nil || !bytes.Equal(mine, text) {
		t.Fatalf("%s is written %v\n     %s\nwant %s", data, err, mine, text)
	}
}

func TestDefinitionsSameAsLibrary(t *testing.T) {
	for _, schema := range seeds() {
		for _, text := range definitionsOf(schema) {
			sameDefinition(t, []byte(text))
		}
	}
	split, ok := Take([]byte(definitionsOf(seeds()[1])[0]))
	if !ok || len(split.schemas) != 1 || bytes.Contains(split.Rest, []byte("properties")) {
		t.Errorf("a schema was left in %s", split.Rest)
	}
}

func FuzzDefinitions(f *testing.F) {
	for _, schema := range seeds() {
		for _, text := range definitionsOf(schema) {
			f.Add([]byte(text))
		}
	}
	f.Fuzz(sameDefinition)
}
