package check

import (
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ConditionTypes checks that each condition of a status has a type of its own.
func ConditionTypes(path *field.Path, types []string) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, name := range types {
		at := path.Index(i).Child("type")
		if name == "" {
			errs = append(errs, field.Required(at, ""))
		}
		if seen.Has(name) {
			errs = append(errs, field.Duplicate(at, name))
		}
		seen.Insert(name)
	}
	return errs
}
