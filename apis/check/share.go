package check

import (
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Share checks a number that may be given in percent: not negative, and at most 100%.
func Share(path *field.Path, value intstr.IntOrString) field.ErrorList {
	if value.Type == intstr.Int {
		return NonNegative(path, value.IntVal)
	}
	if errs := Messages(path, value, validation.IsValidPercent(value.StrVal)); len(errs) > 0 {
		return errs
	}
	if n, err := intstr.GetScaledValueFromIntOrPercent(&value, 100, false); err == nil && n > 100 {
		return field.ErrorList{field.Invalid(path, value, "must not be greater than 100%")}
	}
	return nil
}
