package apiextensions

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

const (
	listTypeMap = "map"
	listTypeSet = "set"
	atomic      = "atomic"
	object      = "object"
)

// atRootBesideStatus are the fields that a root schema may have when the status is written on its own path.
func atRootBesideStatus() []string {
	return []string{
		"Description", "Type", "Format", "Title", "Maximum", "ExclusiveMaximum", "Minimum", "ExclusiveMinimum", "MaxLength", "MinLength", "Pattern",
		"MaxItems", "MinItems", "UniqueItems", "MultipleOf", "Required", "Items", "Properties", "ExternalDocs", "Example", "XPreserveUnknownFields", "XValidations",
	}
}

// validateSchema checks the schema of a version: what no schema may say, and its structure.
func validateSchema(schema *apiextensions.JSONSchemaProps, hasStatus bool, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch fields := reflect.ValueOf(*schema); {
	case hasStatus && schema.Type != "" && schema.Type != object:
		errs = append(errs, field.Invalid(path.Child("type"), schema.Type,
			`only "object" is allowed as the type at the root of the schema if the status subresource is enabled`))
	case hasStatus:
		for i := range fields.NumField() {
			if !fields.Field(i).IsZero() && !slices.Contains(atRootBesideStatus(), fields.Type().Field(i).Name) {
				errs = append(errs, field.Invalid(path, *schema,
					fmt.Sprintf("only %v fields are allowed at the root of the schema if the status subresource is enabled", atRootBesideStatus())))
				break
			}
		}
	}
	if schema.Nullable {
		errs = append(errs, field.Forbidden(path.Child("nullable"), "nullable cannot be true at the root"))
	}
	nodes := validateNode(schema, path)
	form, err := structural.NewStructural(schema)
	if err != nil {
		if errs = append(errs, nodes...); len(errs) == 0 {
			errs = append(errs, field.Invalid(path, "", err.Error()))
		}
		return errs
	}
	errs = append(errs, structural.ValidateStructural(path, form)...)
	for _, name := range []string{"apiVersion", "kind", "metadata"} {
		errs = append(errs, forbidDefaults(schema.Properties[name], name, path.Child("properties").Key(name))...)
	}
	return append(errs, nodes...)
}

// forbidDefaults finds defaults in a field that every object has, and in what that has.
func forbidDefaults(s apiextensions.JSONSchemaProps, name string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if s.Default != nil {
		errs = append(errs, field.Forbidden(path.Child("default"), "must not be set in top-level "+name))
	}
	for _, inner := range slices.Sorted(maps.Keys(s.Properties)) {
		errs = append(errs, forbidDefaults(s.Properties[inner], name, path.Child("properties").Key(inner))...)
	}
	return errs
}

// validateNode checks one schema and those below it.
func validateNode(s *apiextensions.JSONSchemaProps, path *field.Path) field.ErrorList {
	if s == nil {
		return nil
	}
	errs := validateUnsupported(s, path)
	errs = append(errs, validateType(s.Type, path.Child("type"))...)
	if s.UniqueItems {
		errs = append(errs, field.Forbidden(path.Child("uniqueItems"), "uniqueItems cannot be set to true since the runtime complexity becomes quadratic"))
	}
	if s.AdditionalProperties != nil && len(s.Properties) > 0 && (!s.AdditionalProperties.Allows || s.AdditionalProperties.Schema != nil) {
		errs = append(errs, field.Forbidden(path.Child("additionalProperties"), "additionalProperties and properties are mutual exclusive"))
	}
	if !ptr.Deref(s.XPreserveUnknownFields, true) {
		errs = append(errs, field.Invalid(path.Child("x-kubernetes-preserve-unknown-fields"), false, "must be true or undefined"))
	}
	errs = append(errs, validateMapType(s, path)...)
	errs = append(errs, validateListType(s, path)...)
	errs = append(errs, validateRules(s.XValidations, path.Child("x-kubernetes-validations"))...)
	return append(errs, validateBelow(s, path)...)
}

func validateBelow(s *apiextensions.JSONSchemaProps, path *field.Path) field.ErrorList {
	errs := check.Entries(s.Properties, func(name string, property apiextensions.JSONSchemaProps) field.ErrorList {
		return validateNode(&property, path.Child("properties").Key(name))
	})
	if s.AdditionalProperties != nil {
		errs = append(errs, validateNode(s.AdditionalProperties.Schema, path.Child("additionalProperties"))...)
	}
	if s.Items != nil {
		errs = append(errs, validateNode(s.Items.Schema, path.Child("items"))...)
		for i := range s.Items.JSONSchemas {
			errs = append(errs, validateNode(&s.Items.JSONSchemas[i], path.Child("items").Index(i))...)
		}
	}
	errs = append(errs, validateNode(s.Not, path.Child("not"))...)
	for _, part := range []struct {
		name    string
		schemas []apiextensions.JSONSchemaProps
	}{{"allOf", s.AllOf}, {"oneOf", s.OneOf}, {"anyOf", s.AnyOf}} {
		for i := range part.schemas {
			errs = append(errs, validateNode(&part.schemas[i], path.Child(part.name).Index(i))...)
		}
	}
	return errs
}

func validateUnsupported(s *apiextensions.JSONSchemaProps, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, part := range []struct {
		name  string
		given bool
	}{
		{"id", s.ID != ""},
		{"definitions", len(s.Definitions) > 0},
		{"dependencies", len(s.Dependencies) > 0},
		{"patternProperties", len(s.PatternProperties) > 0},
		{"additionalItems", s.AdditionalItems != nil},
		{"$ref", s.Ref != nil},
	} {
		if part.given {
			errs = append(errs, field.Forbidden(path.Child(part.name), part.name+" is not supported"))
		}
	}
	if s.Items != nil && len(s.Items.JSONSchemas) > 0 {
		errs = append(errs, field.Forbidden(path.Child("items"), "items must be a schema object and not an array"))
	}
	return errs
}

func validateType(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return nil
	}
	var errs field.ErrorList
	if name == "null" {
		errs = append(errs, field.Forbidden(path, "type cannot be set to null, use nullable as an alternative"))
	}
	return append(errs, check.OneOf(path, name, "array", "boolean", "integer", "number", object, "string")...)
}

func validateMapType(s *apiextensions.JSONSchemaProps, path *field.Path) field.ErrorList {
	if s.XMapType == nil {
		return nil
	}
	errs := mustBe(s.Type, object, "x-kubernetes-map-type", path)
	return append(errs, check.OneOf(path.Child("x-kubernetes-map-type"), *s.XMapType, atomic, "granular")...)
}

func mustBe(given, wanted, because string, path *field.Path) field.ErrorList {
	detail := "must be " + wanted + " if " + because + " is specified"
	switch given {
	case wanted:
		return nil
	case "":
		return field.ErrorList{field.Required(path.Child("type"), detail)}
	}
	return field.ErrorList{field.Invalid(path.Child("type"), given, detail)}
}

func validateListType(s *apiextensions.JSONSchemaProps, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	kind := ptr.Deref(s.XListType, "")
	keys := path.Child("x-kubernetes-list-map-keys")
	if s.XListType != nil {
		errs = append(errs, mustBe(s.Type, "array", "x-kubernetes-list-type", path)...)
		errs = append(errs, check.OneOf(path.Child("x-kubernetes-list-type"), kind, atomic, listTypeSet, listTypeMap)...)
	}
	switch {
	case len(s.XListMapKeys) > 0 && s.XListType == nil:
		errs = append(errs, field.Required(path.Child("x-kubernetes-list-type"), "must be map if x-kubernetes-list-map-keys is non-empty"))
	case len(s.XListMapKeys) > 0 && kind != listTypeMap:
		errs = append(errs, field.Invalid(path.Child("x-kubernetes-list-type"), kind, "must be map if x-kubernetes-list-map-keys is non-empty"))
	case kind == listTypeMap && len(s.XListMapKeys) == 0:
		errs = append(errs, field.Required(keys, "must not be empty if x-kubernetes-list-type is map"))
	}
	if s.Items == nil || s.Items.Schema == nil {
		return errs
	}
	switch kind {
	case listTypeSet:
		errs = append(errs, validateSetItems(s.Items.Schema, path.Child("items"))...)
	case listTypeMap:
		errs = append(errs, validateMapItems(s, path)...)
	}
	return errs
}

// validateSetItems checks that what a set holds is always replaced as a whole.
func validateSetItems(item *apiextensions.JSONSchemaProps, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if item.Nullable {
		errs = append(errs, field.Forbidden(path.Child("nullable"), "cannot be nullable when x-kubernetes-list-type is set"))
	}
	switch item.Type {
	case object:
		if item.XMapType == nil || *item.XMapType != atomic {
			errs = append(errs, field.Invalid(path.Child("x-kubernetes-map-type"), nil, "must be atomic as item of a list with x-kubernetes-list-type=set"))
		}
	case "array":
		if item.XListType != nil && *item.XListType != atomic {
			errs = append(errs, field.Invalid(path.Child("x-kubernetes-list-type"), nil, "must be atomic as item of a list with x-kubernetes-list-type=set"))
		}
	}
	return errs
}

// validateMapItems checks that each item of a map has its keys.
func validateMapItems(s *apiextensions.JSONSchemaProps, path *field.Path) field.ErrorList {
	item, at, keys := s.Items.Schema, path.Child("items"), path.Child("x-kubernetes-list-map-keys")
	var errs field.ErrorList
	if item.Type != object {
		errs = append(errs, field.Invalid(at.Child("type"), item.Type, "must be object if parent array's x-kubernetes-list-type is map"))
	}
	if item.Nullable {
		errs = append(errs, field.Forbidden(at.Child("nullable"), "cannot be nullable when x-kubernetes-list-type is map"))
	}
	seen := sets.New[string]()
	for _, key := range s.XListMapKeys {
		if seen.Has(key) {
			errs = append(errs, field.Invalid(keys, s.XListMapKeys, "must not contain duplicate entries"))
		}
		seen.Insert(key)
	}
	if item.Type != object {
		return errs
	}
	for _, key := range s.XListMapKeys {
		property, known := item.Properties[key]
		if !known {
			errs = append(errs, field.Invalid(keys, s.XListMapKeys, "entries must all be names of item properties"))
			continue
		}
		where := at.Child("properties").Key(key)
		if property.Type == object || property.Type == "array" {
			errs = append(errs, field.Invalid(where.Child("type"), property.Type, "must be a scalar type if parent array's x-kubernetes-list-type is map"))
		}
		if property.Nullable {
			errs = append(errs, field.Forbidden(where.Child("nullable"), "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"))
		}
		if property.Default == nil && !slices.Contains(item.Required, key) {
			errs = append(errs, field.Required(where.Child("default"), "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"))
		}
	}
	return errs
}

// validateRules checks the frame of rules; what they say is checked where they are compiled.
func validateRules(rules apiextensions.ValidationRules, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range rules {
		rule, at := &rules[i], path.Index(i)
		text := strings.TrimSpace(rule.Message)
		switch {
		case strings.TrimSpace(rule.Rule) == "":
			errs = append(errs, field.Required(at.Child("rule"), "rule is not specified"))
		case rule.Message != "" && text == "":
			errs = append(errs, field.Invalid(at.Child("message"), rule.Message, "must be non-empty if specified"))
		case strings.ContainsAny(text, "\n\r"):
			errs = append(errs, field.Invalid(at.Child("message"), rule.Message, "must not contain line breaks"))
		case strings.ContainsAny(strings.TrimSpace(rule.Rule), "\n\r") && text == "":
			errs = append(errs, field.Required(at.Child("message"), "message must be specified if rule contains line breaks"))
		}
		if rule.MessageExpression != "" && strings.TrimSpace(rule.MessageExpression) == "" {
			errs = append(errs, field.Required(at.Child("messageExpression"), "messageExpression must be non-empty if specified"))
		}
		if rule.Reason != nil {
			errs = append(errs, check.OneOf(at.Child("reason"), *rule.Reason, apiextensions.FieldValueDuplicate,
				apiextensions.FieldValueForbidden, apiextensions.FieldValueInvalid, apiextensions.FieldValueRequired)...)
		}
	}
	return errs
}
