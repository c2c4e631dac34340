package custom

import (
	"context"

	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/common"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// validate checks a new object.
func (v *Version) validate(ctx context.Context, obj resource.Object) field.ErrorList {
	check, rules, err := v.schema.checks()
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	form, _ := v.schema.structure()
	object := content(obj)
	errs := validation.ValidateCustomResource(nil, object, check)
	errs = append(errs, v.validateScale(object)...)
	errs = append(errs, objectmeta.Validate(nil, object, form, false)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, form, object)...)
	if rules == nil {
		return errs
	}
	if blocks(errs) {
		return append(errs, unchecked())
	}
	failed, _ := rules.Validate(ctx, nil, form, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, failed...)
}

// validateUpdate checks a changed object. What was wrong before and did not change passes.
func (v *Version) validateUpdate(ctx context.Context, obj, old resource.Object) field.ErrorList {
	check, rules, err := v.schema.checks()
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	form, _ := v.schema.structure()
	object, before := content(obj), content(old)
	var correlated *common.CorrelatedObject
	var options []validation.ValidationOption
	var ruleOptions []cel.Option
	if form != nil {
		correlated = common.NewCorrelatedObject(object, before, &model.Structural{Structural: form})
		options = append(options, validation.WithRatcheting(correlated))
		ruleOptions = append(ruleOptions, cel.WithRatcheting(correlated))
	}
	errs := validation.ValidateCustomResourceUpdate(nil, object, before, check, options...)
	errs = append(errs, v.validateScale(object)...)
	errs = append(errs, objectmeta.Validate(nil, object, form, false)...)
	if repeated := listtype.ValidateListSetsAndMaps(nil, form, object); len(repeated) > 0 && len(listtype.ValidateListSetsAndMaps(nil, form, before)) == 0 {
		errs = append(errs, repeated...)
	}
	if rules == nil {
		return errs
	}
	if blocks(errs) {
		return append(errs, unchecked())
	}
	failed, _ := rules.Validate(ctx, nil, form, object, before, celconfig.RuntimeCELCostBudget, ruleOptions...)
	return append(errs, failed...)
}

func (v *Version) validateStatus(ctx context.Context, obj, old resource.Object) field.ErrorList {
	return v.validateUpdate(ctx, obj, old)
}

// blocks says whether rules could stumble over what is wrong already.
func blocks(errs field.ErrorList) bool {
	for _, err := range errs {
		switch err.Type {
		case field.ErrorTypeNotSupported, field.ErrorTypeRequired, field.ErrorTypeTooLong, field.ErrorTypeTooMany, field.ErrorTypeTypeInvalid:
			return true
		}
	}
	return false
}

// unchecked tells that rules were not looked at.
func unchecked() *field.Error {
	return field.Invalid(nil, nil, "some validation rules were not checked because the object was invalid; correct the existing errors to complete validation")
}

func (v *Version) validateScale(map[string]any) field.ErrorList { return nil }
