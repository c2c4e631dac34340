package custom

import (
	"context"
	"fmt"
	"math"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel/model"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"k8s.io/apiserver/pkg/cel/common"
	kwarning "k8s.io/apiserver/pkg/warning"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// validate checks a new object.
func (v *Version) validate(ctx context.Context, obj resource.Object) field.ErrorList {
	if errs := v.validateKind(obj); len(errs) > 0 {
		return errs
	}
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
	namespaced := v.of.crd().Spec.Scope == apiextensionsv1.NamespaceScoped
	if blocks(errs) || blocks(metavalidation.ValidateObjectMetaAccessor(obj, namespaced, metavalidation.NameIsDNSSubdomain, nil)) {
		return append(errs, unchecked())
	}
	failed, _ := rules.Validate(ctx, nil, form, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, failed...)
}

// validateUpdate checks a changed object. What was wrong before and did not change passes.
func (v *Version) validateUpdate(ctx context.Context, obj, old resource.Object) field.ErrorList {
	return v.validateChange(ctx, obj, old, func(object, before map[string]any, check validation.SchemaValidator, correlated *common.CorrelatedObject) field.ErrorList {
		return validation.ValidateCustomResourceUpdate(nil, object, before, check, ratcheting(correlated)...)
	})
}

// validateStatus checks an object whose status changed, of whose schema only that part counts.
func (v *Version) validateStatus(ctx context.Context, obj, old resource.Object) field.ErrorList {
	return v.validateChange(ctx, obj, old, func(object, before map[string]any, _ validation.SchemaValidator, correlated *common.CorrelatedObject) field.ErrorList {
		status, ok := object[statusField]
		if !ok {
			return nil
		}
		check, err := v.schema.statusCheck()
		if err != nil {
			return field.ErrorList{field.InternalError(nil, err)}
		}
		return validation.ValidateCustomResourceUpdate(field.NewPath(statusField), status, before[statusField], check, ratcheting(correlated.Key(statusField))...)
	})
}

// ratcheting has what did not change pass.
func ratcheting(correlated *common.CorrelatedObject) []validation.ValidationOption {
	if correlated == nil {
		return nil
	}
	return []validation.ValidationOption{validation.WithRatcheting(correlated)}
}

// bySchema checks a changed object by its schema, or by a part of it.
type bySchema func(object, before map[string]any, check validation.SchemaValidator, correlated *common.CorrelatedObject) field.ErrorList

func (v *Version) validateChange(ctx context.Context, obj, old resource.Object, bounds bySchema) field.ErrorList {
	if errs := v.validateKind(obj); len(errs) > 0 {
		return errs
	}
	check, rules, err := v.schema.checks()
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	form, _ := v.schema.structure()
	object, before := content(obj), content(old)
	var correlated *common.CorrelatedObject
	var ruleOptions []cel.Option
	if form != nil {
		correlated = common.NewCorrelatedObject(object, before, &model.Structural{Structural: form})
		ruleOptions = append(ruleOptions, cel.WithRatcheting(correlated))
	}
	errs := bounds(object, before, check, correlated)
	errs = append(errs, v.validateScale(object)...)
	errs = append(errs, objectmeta.Validate(nil, object, form, false)...)
	if repeated := listtype.ValidateListSetsAndMaps(nil, form, object); len(repeated) > 0 && len(listtype.ValidateListSetsAndMaps(nil, form, before)) == 0 {
		errs = append(errs, repeated...)
	}
	if rules == nil {
		return errs
	}
	if blocks(errs) || blocks(metavalidation.ValidateObjectMetaAccessorUpdate(obj, old, nil)) {
		return append(errs, unchecked())
	}
	ctx = kwarning.WithWarningRecorder(ctx, warner{ctx}) // of rules that are broken as they were before
	failed, _ := rules.Validate(ctx, nil, form, object, before, celconfig.RuntimeCELCostBudget, ruleOptions...)
	return append(errs, failed...)
}

// warner has what the library warns of sent to the client.
type warner struct{ ctx context.Context }

// AddWarning implements the library's Recorder.
func (w warner) AddWarning(_, text string) { warning.Add(w.ctx, text) }

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

// validateKind looks at what an object says that it is. Where that is wrong, nothing else is looked at.
func (v *Version) validateKind(obj resource.Object) field.ErrorList {
	var errs field.ErrorList
	has := obj.GetObjectKind().GroupVersionKind()
	if has.Kind != v.kind.Kind {
		errs = append(errs, field.Invalid(field.NewPath("kind"), has.Kind, "must be "+v.kind.Kind))
	}
	if has.GroupVersion() != v.kind.GroupVersion() {
		errs = append(errs, field.Invalid(field.NewPath("apiVersion"), has.GroupVersion().String(), "must be "+v.kind.GroupVersion().String()))
	}
	return errs
}

// validateScale checks the counts that scaling reads and writes.
func (v *Version) validateScale(object map[string]any) field.ErrorList {
	if v.spec().Subresources == nil || v.spec().Subresources.Scale == nil {
		return nil
	}
	scale := v.spec().Subresources.Scale
	errs := validateCount(object, scale.SpecReplicasPath)
	errs = append(errs, validateCount(object, scale.StatusReplicasPath)...)
	if scale.LabelSelectorPath == nil || *scale.LabelSelectorPath == "" {
		return errs
	}
	text, _, err := unstructured.NestedString(object, path(*scale.LabelSelectorPath)...)
	if err != nil {
		errs = append(errs, field.Invalid(field.NewPath(*scale.LabelSelectorPath), text, err.Error()))
	}
	return errs
}

func validateCount(object map[string]any, at string) field.ErrorList {
	n, _, err := unstructured.NestedInt64(object, path(at)...)
	switch where := field.NewPath(at); {
	case err != nil:
		return field.ErrorList{field.Invalid(where, n, err.Error())}
	case n < 0:
		return field.ErrorList{field.Invalid(where, n, "should be a non-negative integer")}
	case n > math.MaxInt32:
		return field.ErrorList{field.Invalid(where, n, fmt.Sprintf("should be less than or equal to %v", math.MaxInt32))}
	}
	return nil
}
