package rules

import (
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// Warnings name the formats that nobody checks, and that old does not have.
func Warnings(d, old *apiextensionsv1.CustomResourceDefinition) []string {
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
