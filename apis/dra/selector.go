package dra

import (
	"slices"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	apiservercel "k8s.io/apiserver/pkg/cel"
	"k8s.io/apiserver/pkg/cel/environment"
	"k8s.io/dynamic-resource-allocation/cel"
)

// validateSelectors compiles the expressions that choose devices. One that was stored already may use what the version before did
// not know; known are those.
func validateSelectors(selectors []resourcev1.DeviceSelector, path *field.Path, known ...resourcev1.DeviceSelector) field.ErrorList {
	var errs field.ErrorList
	if len(selectors) > maxSelectors {
		errs = append(errs, field.TooMany(path, len(selectors), maxSelectors))
	}
	for i := range selectors {
		at := path.Index(i).Child("cel")
		if selectors[i].CEL == nil {
			errs = append(errs, field.Required(at, ""))
			continue
		}
		expression := selectors[i].CEL.Expression
		stored := slices.ContainsFunc(known, func(s resourcev1.DeviceSelector) bool { return s.CEL != nil && s.CEL.Expression == expression })
		errs = append(errs, validateExpression(expression, stored, at.Child("expression"))...)
	}
	return errs
}

func validateExpression(expression string, stored bool, path *field.Path) field.ErrorList {
	if len(expression) > resourcev1.CELSelectorExpressionMaxLength {
		return field.ErrorList{field.TooLong(path, "", resourcev1.CELSelectorExpressionMaxLength)}
	}
	kind := environment.NewExpressions
	if stored {
		kind = environment.StoredExpressions
	}
	compiled := cel.GetCompiler(cel.Features{EnableConsumableCapacity: true}).CompileCELExpression(expression, cel.Options{EnvType: &kind})
	switch wrong := compiled.Error; {
	case wrong != nil && wrong.Type == apiservercel.ErrorTypeInternal:
		return field.ErrorList{field.InternalError(path, wrong)}
	case wrong != nil:
		return field.ErrorList{field.Invalid(path, expression, wrong.Detail)}
	case compiled.MaxCost > resourcev1.CELSelectorExpressionMaxCost:
		return field.ErrorList{field.Forbidden(path, "too complex, exceeds cost limit")}
	}
	return nil
}
