package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// Paths of faults are those in the form of definitions that all versions are turned into.
func TestSchemasStandWhereTheOtherFormHasThem(t *testing.T) {
	one := schemaOf(apiextensionsv1.JSONSchemaProps{Type: "object", Default: &apiextensionsv1.JSON{Raw: []byte(`{"a":1}`)}})
	same := one.DeepCopy()
	other := schemaOf(apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{"spec": {Type: "string"}}})
	for name, schemas := range map[string][]*apiextensionsv1.CustomResourceValidation{
		"none": {nil}, "no version": {}, "one": {one}, "two that are alike": {one, same}, "two": {one, other},
		"the second has none": {one, nil}, "the first has none": {nil, other}, "an empty one": {{}},
	} {
		t.Run(name, func(t *testing.T) {
			d := &apiextensionsv1.CustomResourceDefinition{}
			for _, schema := range schemas {
				d.Spec.Versions = append(d.Spec.Versions, apiextensionsv1.CustomResourceDefinitionVersion{Schema: schema})
			}
			got, err := partsOf(d)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(texts(converted(t, d)), texts(got)); diff != "" {
				t.Errorf("places (-want +got):\n%s", diff)
			}
			for i, want := range converted(t, d) {
				if diff := cmp.Diff(want.props, got[i].props); diff != "" {
					t.Errorf("schema %d (-want +got):\n%s", i, diff)
				}
			}
		})
	}
}

func schemaOf(props apiextensionsv1.JSONSchemaProps) *apiextensionsv1.CustomResourceValidation {
	return &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &props}
}

func texts(parts []part) (all []string) {
	for _, p := range parts {
		all = append(all, p.path.String())
	}
	return all
}

// converted are the schemas as the whole definition in the other form has them.
func converted(t *testing.T, d *apiextensionsv1.CustomResourceDefinition) (parts []part) {
	t.Helper()
	crd := &apiextensions.CustomResourceDefinition{}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(d.DeepCopy(), crd, nil); err != nil {
		t.Fatal(err)
	}
	spec := field.NewPath("spec")
	if v := crd.Spec.Validation; v != nil && v.OpenAPIV3Schema != nil {
		parts = append(parts, part{v.OpenAPIV3Schema, spec.Child("validation", "openAPIV3Schema")})
	}
	for i := range crd.Spec.Versions {
		if v := crd.Spec.Versions[i].Schema; v != nil && v.OpenAPIV3Schema != nil {
			parts = append(parts, part{v.OpenAPIV3Schema, spec.Child("versions").Index(i).Child("schema", "openAPIV3Schema")})
		}
	}
	return parts
}

// One fault at a time: the rules of a schema wait until what is in it is right, those beside it do not.
func TestRulesOfWrongSchemasAreNotChecked(t *testing.T) {
	bad := apiextensionsv1.ValidationRules{{Rule: "self.none"}}
	schema := apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"spec": {Type: "object", XValidations: bad, Properties: map[string]apiextensionsv1.JSONSchemaProps{
			"a":  {Type: "string", XValidations: bad},
			"ab": {Type: "string", XValidations: bad},
		}},
	}}
	at := field.NewPath("spec", "validation", "openAPIV3Schema").Child("properties").Key("spec")
	rule := func(path *field.Path) string {
		return path.Child("x-kubernetes-validations").Index(0).Child("rule").String()
	}
	a, ab := at.Child("properties").Key("a"), at.Child("properties").Key("ab")
	for name, c := range map[string]struct {
		wrong *field.Path
		want  []string
	}{
		"nothing":        {nil, []string{rule(at), rule(a), rule(ab)}},
		"another field":  {field.NewPath("spec", "names"), []string{rule(at), rule(a), rule(ab)}},
		"what is within": {a.Child("uniqueItems"), []string{rule(ab)}},
		"itself":         {at.Child("x-kubernetes-validations").Index(0).Child("reason"), []string{rule(a), rule(ab)}},
	} {
		t.Run(name, func(t *testing.T) {
			var wrong field.ErrorList
			if c.wrong != nil {
				wrong = append(wrong, field.Forbidden(c.wrong, ""))
			}
			if diff := cmp.Diff(c.want, faults(t, schema, wrong)); diff != "" {
				t.Errorf("faults (-want +got):\n%s", diff)
			}
		})
	}
}

// Rules are not checked in a schema whose defaults are wrong.
func TestWrongDefaultsAreToldAlone(t *testing.T) {
	schema := apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"a": {Type: "string", Default: &apiextensionsv1.JSON{Raw: []byte("5")}},
		"b": {Type: "string", XValidations: apiextensionsv1.ValidationRules{{Rule: "self.none"}}},
	}}
	if diff := cmp.Diff([]string{"spec.validation.openAPIV3Schema.properties[a].default"}, faults(t, schema, nil)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestBlamedFieldsHavePaths(t *testing.T) {
	for path, want := range map[string]int{"": 0, ".a": 0, "a": 1, ".none": 1, " ": 2, ".a\n": 2} {
		schema := apiextensionsv1.JSONSchemaProps{Type: "object", XValidations: apiextensionsv1.ValidationRules{{Rule: "true", FieldPath: path}},
			Properties: map[string]apiextensionsv1.JSONSchemaProps{"a": {Type: "string"}}}
		if got := faults(t, schema, nil); len(got) != want {
			t.Errorf("%q: %q", path, got)
		}
	}
}

// A schema that says nothing of its type has no rules.
func TestRulesNeedAType(t *testing.T) {
	schema := apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"a": {XPreserveUnknownFields: ptr.To(true), XValidations: apiextensionsv1.ValidationRules{{Rule: "true"}}},
	}}
	if diff := cmp.Diff([]string{"spec.validation.openAPIV3Schema.properties[a].x-kubernetes-validations"}, faults(t, schema, nil)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

// faults are the fields that are wrong with the rules and defaults of a schema, of which something is known to be wrong.
func faults(t *testing.T, schema apiextensionsv1.JSONSchemaProps, wrong field.ErrorList) (all []string) {
	t.Helper()
	d := &apiextensionsv1.CustomResourceDefinition{}
	d.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{Schema: schemaOf(schema)}}
	for _, err := range check(t.Context(), d, nil, wrong) {
		all = append(all, err.Field)
	}
	return all
}

// Where all rules together cost too much, those are named that make a difference; a message is made once for all items.
func TestCostlyRulesAreNamed(t *testing.T) {
	list := func(most int64, rule apiextensionsv1.ValidationRule, of apiextensionsv1.JSONSchemaProps) apiextensionsv1.JSONSchemaProps {
		of.XValidations = apiextensionsv1.ValidationRules{rule}
		return apiextensionsv1.JSONSchemaProps{Type: "array", MaxItems: ptr.To(most), Items: &apiextensionsv1.JSONSchemaPropsOrArray{Schema: &of}}
	}
	number, text := apiextensionsv1.JSONSchemaProps{Type: "integer"}, apiextensionsv1.JSONSchemaProps{Type: "string", MaxLength: ptr.To[int64](10_000)}
	schema := apiextensionsv1.JSONSchemaProps{Type: "object", Properties: map[string]apiextensionsv1.JSONSchemaProps{
		"cheap":    list(900_000, apiextensionsv1.ValidationRule{Rule: "self != 1"}, number),
		"costly":   list(1_000_000, apiextensionsv1.ValidationRule{Rule: "self != 1"}, number),
		"message":  list(10_000, apiextensionsv1.ValidationRule{Rule: "true", MessageExpression: "self + self"}, text),
		"too much": list(1_000_000, apiextensionsv1.ValidationRule{Rule: "self.contains('a')"}, text),
	}}
	rule := func(name string) string {
		return "spec.validation.openAPIV3Schema.properties[" + name + "].items.x-kubernetes-validations[0].rule"
	}
	want := []string{rule("too much"), rule("too much"), rule("costly"), "spec.validation.openAPIV3Schema"}
	if diff := cmp.Diff(want, faults(t, schema, nil)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}
