package rules

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	definitions "github.com/coxswain-k8s/coxswain/apis/apiextensions"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Complete adds the checks to the row of definitions: they are made of those schemas that have passed all others.
func Complete(row *resource.Resource) {
	create, update := row.Validate, row.ValidateUpdate
	row.Validate = func(ctx context.Context, obj resource.Object) field.ErrorList {
		wrong := create(ctx, obj)
		return append(wrong, check(ctx, obj.(*apiextensionsv1.CustomResourceDefinition), nil, wrong)...)
	}
	row.ValidateUpdate = func(ctx context.Context, obj, old resource.Object) field.ErrorList {
		wrong := update(ctx, obj, old)
		return append(wrong, check(ctx, obj.(*apiextensionsv1.CustomResourceDefinition), old.(*apiextensionsv1.CustomResourceDefinition), wrong)...)
	}
	row.Warnings = func(_ context.Context, obj, old resource.Object) []string {
		before, _ := old.(*apiextensionsv1.CustomResourceDefinition)
		return formatWarnings(obj.(*apiextensionsv1.CustomResourceDefinition), before)
	}
}

// part is one schema of a definition in the form that paths are reported in: what all versions share stands in the specification itself.
type part struct {
	props *apiextensions.JSONSchemaProps
	path  *field.Path
}

// partsOf reads the schemas only: turning the whole definition into the other form copies them twice.
func partsOf(d *apiextensionsv1.CustomResourceDefinition) ([]part, error) {
	spec, versions := field.NewPath("spec"), d.Spec.Versions
	isShared := !slices.ContainsFunc(versions, func(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
		return !equality.Semantic.DeepEqual(v.Schema, versions[0].Schema)
	})
	var parts []part
	for i := range versions {
		path := spec.Child("versions").Index(i)
		if isShared {
			path = spec.Child("validation")
		} else {
			path = path.Child("schema")
		}
		if given := versions[i].Schema; given != nil && given.OpenAPIV3Schema != nil {
			props, err := definitions.InternalSchema(given.OpenAPIV3Schema)
			if err != nil {
				return nil, fmt.Errorf("reading definition: %w", err)
			}
			parts = append(parts, part{props, path.Child("openAPIV3Schema")})
		}
		if isShared {
			break
		}
	}
	return parts, nil
}

// check returns what is wrong with defaults, and with the rules of schemas that are right otherwise. Rules that old has are compiled as those
// that are stored are.
func check(ctx context.Context, d, old *apiextensionsv1.CustomResourceDefinition, wrong field.ErrorList) field.ErrorList {
	if !slices.ContainsFunc(d.Spec.Versions, hasWhatIsChecked) {
		return nil
	}
	parts, err := partsOf(d)
	if err != nil {
		return field.ErrorList{field.InternalError(field.NewPath("spec"), err)}
	}
	known := sets.New[string]()
	if old != nil {
		known = expressions(old)
	}
	var errs field.ErrorList
	for _, p := range parts {
		form, err := structural.NewStructural(p.props)
		if err != nil {
			continue // an old definition whose schemas are not structural
		}
		if hasErrors(wrong, p.path) && len(structural.ValidateStructural(p.path, form)) > 0 {
			continue
		}
		if bad := checkDefaults(ctx, form, p.path); len(bad) > 0 {
			errs = append(errs, bad...)
			continue
		}
		errs = append(errs, checkRules(form, p.path, known, wrong)...)
	}
	return errs
}

func checkDefaults(ctx context.Context, form *structural.Structural, path *field.Path) field.ErrorList {
	if !HasDefaults(form) {
		return nil
	}
	errs, err := defaulting.ValidateDefaults(ctx, path, form.DeepCopy(), true, true)
	if err != nil {
		return field.ErrorList{field.InternalError(path, err)}
	}
	return errs
}

// hasWhatIsChecked says whether a version may have a rule or a default. Where none has, which is found out without turning the schemas into
// another form, there is nothing to check.
func hasWhatIsChecked(v apiextensionsv1.CustomResourceDefinitionVersion) bool {
	return v.Schema != nil && v.Schema.OpenAPIV3Schema != nil && anywhere(v.Schema.OpenAPIV3Schema, func(s *apiextensionsv1.JSONSchemaProps) bool {
		return s.Default != nil || len(s.XValidations) > 0
	})
}

// anywhere says whether that may be so of a schema or of one in it: members that hardly any schema has are not looked into.
func anywhere(s *apiextensionsv1.JSONSchemaProps, is func(*apiextensionsv1.JSONSchemaProps) bool) bool {
	return (&search{is: is}).below(s)
}

// search has room for a schema at each depth: what is in a map can be looked at in a copy only, and a copy of each would be garbage.
type search struct {
	is    func(*apiextensionsv1.JSONSchemaProps) bool
	rooms []*apiextensionsv1.JSONSchemaProps
	depth int
}

func (w *search) below(s *apiextensionsv1.JSONSchemaProps) bool {
	if w.is(s) || len(s.PatternProperties) > 0 || len(s.Definitions) > 0 || len(s.Dependencies) > 0 || s.AdditionalItems != nil {
		return true
	}
	if len(s.Properties) > 0 && w.among(s.Properties) {
		return true
	}
	for _, several := range [][]apiextensionsv1.JSONSchemaProps{s.AllOf, s.AnyOf, s.OneOf} {
		for i := range several {
			if w.below(&several[i]) {
				return true
			}
		}
	}
	if s.Items != nil && (len(s.Items.JSONSchemas) > 0 || s.Items.Schema != nil && w.below(s.Items.Schema)) {
		return true
	}
	return s.Not != nil && w.below(s.Not) || s.AdditionalProperties != nil && s.AdditionalProperties.Schema != nil && w.below(s.AdditionalProperties.Schema)
}

func (w *search) among(properties map[string]apiextensionsv1.JSONSchemaProps) bool {
	if len(w.rooms) == w.depth {
		w.rooms = append(w.rooms, &apiextensionsv1.JSONSchemaProps{})
	}
	room := w.rooms[w.depth]
	w.depth++
	defer func() { w.depth-- }()
	for name := range properties {
		if *room = properties[name]; w.below(room) {
			return true
		}
	}
	return false
}

// expressions are the rules and messages that a definition has.
func expressions(d *apiextensionsv1.CustomResourceDefinition) sets.Set[string] {
	all := sets.New[string]()
	parts, err := partsOf(d)
	if err != nil {
		return all
	}
	for _, p := range parts {
		form, err := structural.NewStructural(p.props)
		if err != nil {
			continue
		}
		visit := &structural.Visitor{Structural: func(s *structural.Structural) bool {
			for _, rule := range s.XValidations {
				all.Insert(rule.Rule, rule.MessageExpression)
			}
			return false
		}}
		visit.Visit(form)
	}
	return all
}

// HasDefaults says whether there is a default anywhere in a schema.
func HasDefaults(form *structural.Structural) bool {
	if form.Default.Object != nil || form.Items != nil && HasDefaults(form.Items) {
		return true
	}
	for name := range form.Properties {
		if property := form.Properties[name]; HasDefaults(&property) {
			return true
		}
	}
	return form.AdditionalProperties != nil && form.AdditionalProperties.Structural != nil && HasDefaults(form.AdditionalProperties.Structural)
}
