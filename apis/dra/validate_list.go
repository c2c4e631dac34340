package dra

import (
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateList checks each item of a list, and that there are not too many.
func validateList[T any](list []T, most int, path *field.Path, validate func(*T, *field.Path) field.ErrorList) field.ErrorList {
	var errs field.ErrorList
	if len(list) > most {
		errs = append(errs, field.TooMany(path, len(list), most))
	}
	for i := range list {
		errs = append(errs, validate(&list[i], path.Index(i))...)
	}
	return errs
}

// validateNamed is validateList for items of which each must have a name of its own.
func validateNamed[T any](list []T, most int, path *field.Path, name func(*T) string, validate func(*T, *field.Path) field.ErrorList) field.ErrorList {
	seen := sets.New[string]()
	return validateList(list, most, path, func(item *T, at *field.Path) field.ErrorList {
		var errs field.ErrorList
		if seen.Has(name(item)) {
			errs = append(errs, field.Duplicate(at, name(item)))
		}
		seen.Insert(name(item))
		return append(errs, validate(item, at)...)
	})
}
