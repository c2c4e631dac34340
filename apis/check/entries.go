package check

import (
	"cmp"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Entries checks the entries of a map one by one, and tells what is wrong with them in the order of their keys: the same each time.
func Entries[K cmp.Ordered, V any, M ~map[K]V](entries M, validate func(key K, value V) field.ErrorList) field.ErrorList {
	var wrong map[K]field.ErrorList
	for key, value := range entries {
		if errs := validate(key, value); len(errs) > 0 {
			if wrong == nil {
				wrong = map[K]field.ErrorList{}
			}
			wrong[key] = errs
		}
	}
	var all field.ErrorList
	for _, key := range slices.Sorted(maps.Keys(wrong)) {
		all = append(all, wrong[key]...)
	}
	return all
}
