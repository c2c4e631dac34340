package rules

import (
	"context"
	"fmt"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Complete adds the checks to the row of definitions: they are made of what has passed all others.
func Complete(row *resource.Resource) {
	create, update := row.Validate, row.ValidateUpdate
	row.Validate = func(ctx context.Context, obj resource.Object) field.ErrorList {
		if errs := create(ctx, obj); len(errs) > 0 {
			return errs
		}
		return Check(ctx, obj.(*apiextensionsv1.CustomResourceDefinition), nil)
	}
	row.ValidateUpdate = func(ctx context.Context, obj, old resource.Object) field.ErrorList {
		if errs := update(ctx, obj, old); len(errs) > 0 {
			return errs
		}
		return Check(ctx, obj.(*apiextensionsv1.CustomResourceDefinition), old.(*apiextensionsv1.CustomResourceDefinition))
	}
	row.Warnings = func(_ context.Context, obj, old resource.Object) []string {
		before, _ := old.(*apiextensionsv1.CustomResourceDefinition)
		return Warnings(obj.(*apiextensionsv1.CustomResourceDefinition), before)
	}
}

// part is one schema of a definition in the form that paths are reported in: what all versions share stands in the specification itself.
type part struct {
	props *apiextensions.JSONSchemaProps
	path  *field.Path
}

func partsOf(d *apiextensionsv1.CustomResourceDefinition) ([]part, error) {
	crd := &apiextensions.CustomResourceDefinition{}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(d.DeepCopy(), crd, nil); err != nil {
		return nil, fmt.Errorf("reading definition: %w", err)
	}
	var parts []part
	spec := field.NewPath("spec")
	if v := crd.Spec.Validation; v != nil && v.OpenAPIV3Schema != nil {
		parts = append(parts, part{v.OpenAPIV3Schema, spec.Child("validation", "openAPIV3Schema")})
	}
	for i := range crd.Spec.Versions {
		if v := crd.Spec.Versions[i].Schema; v != nil && v.OpenAPIV3Schema != nil {
			parts = append(parts, part{v.OpenAPIV3Schema, spec.Child("versions").Index(i).Child("schema", "openAPIV3Schema")})
		}
	}
	return parts, nil
}

// Check returns what is wrong with rules and defaults. Rules that old has already are compiled as those that are stored are.
func Check(ctx context.Context, d, old *apiextensionsv1.CustomResourceDefinition) field.ErrorList {
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
		if wrong, err := defaulting.ValidateDefaults(ctx, p.path, form.DeepCopy(), true, true); err != nil {
			errs = append(errs, field.InternalError(p.path, err))
		} else {
			errs = append(errs, wrong...)
		}
		errs = append(errs, checkRules(form, p.path, known)...)
	}
	return errs
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
