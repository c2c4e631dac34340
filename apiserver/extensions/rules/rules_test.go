package rules

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
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
