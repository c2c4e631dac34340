package rules

import (
	"maps"
	"slices"
	"strings"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// checkFieldPaths returns what is wrong with the fields that the rules of a schema blame.
func checkFieldPaths(s *structural.Structural, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range s.XValidations {
		errs = append(errs, checkFieldPath(s, s.XValidations[i].FieldPath, path.Child("x-kubernetes-validations").Index(i).Child("fieldPath"))...)
	}
	if s.Items != nil {
		errs = append(errs, checkFieldPaths(s.Items, path.Child("items"))...)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		property := s.Properties[name]
		errs = append(errs, checkFieldPaths(&property, path.Child("properties").Key(name))...)
	}
	if s.AdditionalProperties != nil && s.AdditionalProperties.Structural != nil {
		errs = append(errs, checkFieldPaths(s.AdditionalProperties.Structural, path.Child("additionalProperties"))...)
	}
	return errs
}

func checkFieldPath(s *structural.Structural, text string, path *field.Path) field.ErrorList {
	if text == "" {
		return nil
	}
	var errs field.ErrorList
	if strings.TrimSpace(text) == "" {
		errs = append(errs, field.Invalid(path, text, "must be non-empty if specified"))
	}
	if strings.ContainsAny(text, "\n\r") {
		errs = append(errs, field.Invalid(path, text, "must not contain line breaks"))
	}
	if _, _, err := cel.ValidFieldPath(text, s); err != nil {
		errs = append(errs, field.Invalid(path, text, "must be a valid path"))
	}
	return errs
}

// hasErrors says whether any of the errors is about what is at a path or below it.
func hasErrors(errs field.ErrorList, path *field.Path) bool {
	if len(errs) == 0 {
		return false
	}
	at := path.String()
	return slices.ContainsFunc(errs, func(e *field.Error) bool {
		rest, below := strings.CutPrefix(e.Field, at)
		return below && (rest == "" || rest[0] == '.' || rest[0] == '[')
	})
}
