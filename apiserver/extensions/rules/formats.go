package rules

import (
	"fmt"
	"slices"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// formatWarnings name the formats that nobody checks, and that old does not have.
func formatWarnings(d, old *apiextensionsv1.CustomResourceDefinition) []string {
	known := sets.New[string]()
	if old != nil {
		known.Insert(unrecognized(old)...)
	}
	var warnings []string
	for _, format := range unrecognized(d) {
		if !known.Has(format) {
			known.Insert(format)
			warnings = append(warnings, fmt.Sprintf("unrecognized format %q", format))
		}
	}
	return warnings
}

func unrecognized(d *apiextensionsv1.CustomResourceDefinition) []string {
	if !slices.ContainsFunc(d.Spec.Versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return v.Schema != nil && v.Schema.OpenAPIV3Schema != nil && hasOddFormat(v.Schema.OpenAPIV3Schema)
	}) {
		return nil
	}
	parts, err := partsOf(d)
	if err != nil {
		return nil
	}
	var formats []string
	for _, p := range parts {
		collect := func(s *spec.Schema) error {
			if s.Format != "" {
				formats = append(formats, validation.GetUnrecognizedFormats(s, environment.DefaultCompatibilityVersion())...)
			}
			return nil
		}
		if err := validation.ConvertJSONSchemaPropsWithPostProcess(p.props, &spec.Schema{}, collect); err != nil {
			continue
		}
	}
	return formats
}

// hasOddFormat says whether there may be a format in a schema that is not recognized. Nearly always there is none, which is found out
// without turning the schema into another form.
func hasOddFormat(s *apiextensionsv1.JSONSchemaProps) bool {
	return anywhere(s, func(s *apiextensionsv1.JSONSchemaProps) bool {
		if s.Format == "" {
			return false
		}
		one := &spec.Schema{SchemaProps: spec.SchemaProps{Type: spec.StringOrArray{s.Type}, Format: s.Format}}
		return len(validation.GetUnrecognizedFormats(one, environment.DefaultCompatibilityVersion())) > 0
	})
}
