package apiextensions

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

// someSchemas are schemas with all that a schema may have in it.
func someSchemas() []string {
	return []string{
		`{}`, `{"type":"object","properties":{}}`, `{"properties":{"a":{"type":"string","default":"x"},"b":{"properties":{"c":{"enum":[1,"a",null]},"d":{"items":{"maxLength":3}}}}}}`,
		`{"items":[{"type":"a"},{"properties":{"b":{"nullable":true}}}]}`, `{"items":[]}`, `{"additionalProperties":{"properties":{"a":{"example":{"b":1}}}}}`, `{"additionalProperties":false}`,
		`{"additionalProperties":true,"additionalItems":false}`, `{"allOf":[{"properties":{"a":{}}}],"anyOf":[],"oneOf":[{}],"not":{"items":{"type":"b"}}}`,
		`{"dependencies":{"a":["b"],"c":{"type":"d"}},"definitions":{"a":{}},"patternProperties":{"a":{"type":"x"}},"externalDocs":{"url":"x"},"$ref":"r"}`,
		`{"x-kubernetes-validations":[{"rule":"a","reason":"FieldValueInvalid","optionalOldSelf":true}],"x-kubernetes-preserve-unknown-fields":true,"x-kubernetes-list-map-keys":["a"],"required":["a"],"minimum":1.5}`,
		`{"default":{"b":1,"a":2}}`, `{"default":{"a":2,"b":1}}`, `{"default":null}`,
	}
}

// Every two schemas are converted as the library converts them, and so is whether versions share one.
func TestConvertsAsTheLibraryDoes(t *testing.T) {
	for _, first := range someSchemas() {
		for _, second := range append(someSchemas(), "") {
			text := `{"metadata":{"name":"as.b.c"},"spec":{"group":"b.c","versions":[{"name":"v1","schema":{"openAPIV3Schema":` + first + `}}`
			if second != "" {
				text += `,{"name":"v2","schema":{"openAPIV3Schema":` + second + `},"subresources":{"status":{}}},{"name":"v3"}`
			}
			convertsAlike(t, text+`]},"status":{"storedVersions":["v1"]}}`)
		}
	}
	convertsAlike(t, `{"spec":{"versions":[{"schema":{}},{"schema":{}}]}}`)
	convertsAlike(t, `{"spec":{"versions":[]}}`)
	convertsAlike(t, `{}`)
}

func convertsAlike(t *testing.T, text string) {
	t.Helper()
	d := &apiextensionsv1.CustomResourceDefinition{}
	if err := json.Unmarshal([]byte(text), d); err != nil {
		t.Fatal(err)
	}
	before := d.DeepCopy()
	want, got := &apiextensions.CustomResourceDefinition{}, &apiextensions.CustomResourceDefinition{}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(d, want, nil); err != nil {
		t.Fatal(err)
	}
	if err := convert(d, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got)\n%s", text, diff)
	}
	if diff := cmp.Diff(before, d); diff != "" {
		t.Errorf("%s was changed: %s", text, diff)
	}
}

// What the library says of a value that cannot be read is what is said.
func TestRefusesAsTheLibraryDoes(t *testing.T) {
	broken := apiextensionsv1.JSONSchemaProps{Default: &apiextensionsv1.JSON{Raw: []byte(`{`)}}
	d := &apiextensionsv1.CustomResourceDefinition{}
	d.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{Schema: &apiextensionsv1.CustomResourceValidation{
		OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Properties: map[string]apiextensionsv1.JSONSchemaProps{"a": broken}},
	}}}
	want := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(d, &apiextensions.CustomResourceDefinition{}, nil)
	got := convert(d, &apiextensions.CustomResourceDefinition{})
	if want == nil || got == nil || !strings.Contains(got.Error(), want.Error()) || want.Error() != got.Error() {
		t.Errorf("%v, want %v", got, want)
	}
}
