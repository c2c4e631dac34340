package apiextensions

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

const (
	maxDeprecationWarning = 256
	maxSelectableFields   = 8
)

// unprintable is where the first letter stands that cannot be printed; -1 for none.
func unprintable(text string) int {
	for i, letter := range text {
		if !unicode.IsPrint(letter) || letter == unicode.ReplacementChar {
			return i
		}
	}
	return -1
}

func validateVersion(v *apiextensions.CustomResourceDefinitionVersion, spec *apiextensions.CustomResourceDefinitionSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if warning := v.DeprecationWarning; warning != nil {
		at := path.Child("deprecationWarning")
		switch {
		case !v.Deprecated:
			errs = append(errs, field.Invalid(at, warning, "can only be set for deprecated versions"))
		case *warning == "":
			errs = append(errs, field.Invalid(at, warning, "must not be an empty string"))
		case len(*warning) > maxDeprecationWarning:
			errs = append(errs, field.Invalid(at, warning, "must be <= 256 characters long"))
		default:
			if i := unprintable(*warning); i >= 0 {
				errs = append(errs, field.Invalid(at, warning, fmt.Sprintf("must only contain printable UTF-8 characters; non-printable character found at index %d", i)))
			}
		}
	}
	schema, subresources := v.Schema, v.Subresources
	if subresources == nil {
		subresources = spec.Subresources
	}
	if schema == nil {
		schema = spec.Validation
	} else if schema.OpenAPIV3Schema != nil {
		errs = append(errs, validateSchema(schema.OpenAPIV3Schema, hasStatus(subresources), path.Child("schema", "openAPIV3Schema"))...)
	}
	errs = append(errs, validateSubresources(v.Subresources, path.Child("subresources"))...)
	errs = append(errs, validateColumns(v.AdditionalPrinterColumns, path.Child("additionalPrinterColumns"))...)
	if len(v.SelectableFields) > 0 && (schema == nil || schema.OpenAPIV3Schema == nil) {
		return append(errs, field.Invalid(path.Child("selectableFields"), "", "may only be set when `version.schema.openAPIV3Schema` is not included"))
	}
	return append(errs, validateFields(v.SelectableFields, schema, path.Child("selectableFields"))...)
}

// validateShared checks what all versions have in common.
func validateShared(spec *apiextensions.CustomResourceDefinitionSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if spec.Validation != nil && spec.Validation.OpenAPIV3Schema != nil {
		errs = append(errs, validateSchema(spec.Validation.OpenAPIV3Schema, hasStatus(spec.Subresources), path.Child("validation", "openAPIV3Schema"))...)
	}
	errs = append(errs, validateSubresources(spec.Subresources, path.Child("subresources"))...)
	errs = append(errs, validateColumns(spec.AdditionalPrinterColumns, path.Child("additionalPrinterColumns"))...)
	if spec.Validation == nil && len(spec.Versions) > 0 {
		return append(errs, validateFields(spec.SelectableFields, spec.Versions[0].Schema, path.Child("selectableFields"))...)
	}
	return append(errs, validateFields(spec.SelectableFields, spec.Validation, path.Child("selectableFields"))...)
}

func hasStatus(s *apiextensions.CustomResourceSubresources) bool {
	return s != nil && s.Status != nil
}

func validateSubresources(s *apiextensions.CustomResourceSubresources, path *field.Path) field.ErrorList {
	if s == nil || s.Scale == nil {
		return nil
	}
	at := path.Child("scale")
	errs := requiredPath(s.Scale.SpecReplicasPath, at.Child("specReplicasPath"), ".spec")
	errs = append(errs, requiredPath(s.Scale.StatusReplicasPath, at.Child("statusReplicasPath"), ".status")...)
	if selector := s.Scale.LabelSelectorPath; selector != nil && *selector != "" {
		errs = append(errs, validateSelectorPath(*selector, at.Child("labelSelectorPath"))...)
	}
	return errs
}

func validateSelectorPath(value string, path *field.Path) field.ErrorList {
	switch {
	case !strings.HasPrefix(value, "."):
		return field.ErrorList{field.Invalid(path, value, "must be a simple json path starting with .")}
	case !isBelow(value, ".spec") && !isBelow(value, ".status"):
		return field.ErrorList{field.Invalid(path, value, "should be a json path under either .spec or .status")}
	}
	return nil
}

func requiredPath(value string, path *field.Path, parent string) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	if !strings.HasPrefix(value, ".") {
		return field.ErrorList{field.Invalid(path, value, "must be a simple json path starting with .")}
	}
	if !isBelow(value, parent) {
		return field.ErrorList{field.Invalid(path, value, "should be a json path under "+parent)}
	}
	return nil
}

func isBelow(path, parent string) bool {
	return strings.HasPrefix(path, parent+".")
}

func columnTypes() []string { return []string{"boolean", "date", "integer", "number", "string"} }

func columnFormats() []string {
	return []string{"byte", "date", "date-time", "double", "float", "int32", "int64", "password"}
}

func validateColumns(columns []apiextensions.CustomResourceColumnDefinition, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range columns {
		column, at := &columns[i], path.Index(i)
		if column.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
		}
		types := "must be one of " + strings.Join(columnTypes(), ",")
		if column.Type == "" {
			errs = append(errs, field.Required(at.Child("type"), types))
		} else if !slices.Contains(columnTypes(), column.Type) {
			errs = append(errs, field.Invalid(at.Child("type"), column.Type, types))
		}
		if column.Format != "" && !slices.Contains(columnFormats(), column.Format) {
			errs = append(errs, field.Invalid(at.Child("format"), column.Format, "must be one of "+strings.Join(columnFormats(), ",")))
		}
		if column.JSONPath == "" {
			errs = append(errs, field.Required(at.Child("JSONPath"), ""))
		} else if !strings.HasPrefix(column.JSONPath, ".") {
			errs = append(errs, field.Invalid(at.Child("JSONPath"), column.JSONPath, "must be a simple json path starting with ."))
		}
	}
	return errs
}

func validateFields(fields []apiextensions.SelectableField, schema *apiextensions.CustomResourceValidation, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	right := 0
	seen := sets.New[string]()
	for i, selectable := range fields {
		at, text := path.Index(i).Child("jsonPath"), selectable.JSONPath
		if text == "" {
			errs = append(errs, field.Required(at, ""))
			continue
		}
		if seen.Has(text) {
			errs = append(errs, field.Duplicate(at, text))
			continue
		}
		seen.Insert(text)
		if schema == nil || schema.OpenAPIV3Schema == nil {
			continue
		}
		target, wrong := follow(text, schema.OpenAPIV3Schema)
		switch {
		case wrong != "":
			errs = append(errs, field.Invalid(at, text, "is an invalid path: "+wrong))
		case !slices.Contains([]string{"string", "boolean", "integer"}, target.Type):
			errs = append(errs, field.Invalid(at, text, "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."))
		default:
			right++
		}
	}
	if right > maxSelectableFields {
		errs = append(errs, field.TooMany(path, right, maxSelectableFields))
	}
	return errs
}

// follow finds the schema of a field by its path, such as ".spec.color", or says why there is none.
func follow(path string, schema *apiextensions.JSONSchemaProps) (*apiextensions.JSONSchemaProps, string) {
	if !strings.HasPrefix(path, ".") {
		if strings.HasPrefix(path, "[") {
			return nil, "array notation is not allowed"
		}
		first, _, _ := strings.Cut(path, ".")
		return nil, "expected [ or . but got: " + first
	}
	for _, name := range strings.Split(path[1:], ".") {
		name, _, indexed := strings.Cut(name, "[")
		if name == "" {
			return nil, "unexpected end of JSON path"
		}
		next, known := schema.Properties[name]
		switch {
		case indexed:
			return nil, "array notation is not allowed"
		case known:
			schema = &next
		case schema.AdditionalProperties != nil && schema.AdditionalProperties.Schema != nil:
			schema = schema.AdditionalProperties.Schema
		default:
			return nil, "does not refer to a valid field"
		}
	}
	return schema, ""
}

// reviewVersions are the versions in which a webhook can be asked.
func reviewVersions() []string { return []string{"v1", "v1beta1"} }

func validateConversion(c *apiextensions.CustomResourceConversion, path *field.Path) field.ErrorList {
	if c == nil {
		return nil
	}
	client, versions := path.Child("webhookClientConfig"), path.Child("conversionReviewVersions")
	errs := check.RequiredOneOf(path.Child("strategy"), c.Strategy, apiextensions.NoneConverter, apiextensions.WebhookConverter)
	if c.Strategy != apiextensions.WebhookConverter {
		const detail = "should not be set when strategy is not set to Webhook"
		if c.WebhookClientConfig != nil {
			errs = append(errs, field.Forbidden(client, detail))
		}
		if len(c.ConversionReviewVersions) > 0 {
			errs = append(errs, field.Forbidden(versions, detail))
		}
		return errs
	}
	switch config := c.WebhookClientConfig; {
	case config == nil:
		errs = append(errs, field.Required(client, "required when strategy is set to Webhook"))
	case (config.URL == nil) == (config.Service == nil):
		errs = append(errs, field.Required(client, "exactly one of url or service is required"))
	case config.URL != nil:
		errs = append(errs, check.WebhookURL(client.Child("url"), *config.URL)...)
	default:
		s := config.Service
		errs = append(errs, check.WebhookService(client.Child("service"), check.Service{Namespace: s.Namespace, Name: s.Name, Path: s.Path, Port: &s.Port})...)
	}
	return append(errs, validateReviewVersions(c.ConversionReviewVersions, versions)...)
}

func validateReviewVersions(given []string, path *field.Path) field.ErrorList {
	if len(given) == 0 {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, version := range given {
		if seen.Has(version) {
			errs = append(errs, field.Invalid(path.Index(i), version, "duplicate version"))
			continue
		}
		seen.Insert(version)
		errs = append(errs, check.Messages(path.Index(i), version, validation.IsDNS1035Label(version))...)
	}
	if !seen.HasAny(reviewVersions()...) {
		errs = append(errs, field.Invalid(path, given, "must include at least one of "+strings.Join(reviewVersions(), ", ")))
	}
	return errs
}
