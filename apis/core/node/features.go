package node

import (
	"fmt"
	"regexp"

	"k8s.io/apimachinery/pkg/util/validation/field"
)

// featureName are segments between slashes, the first of which begins with a capital.
var featureName = regexp.MustCompile(`^[A-Z][A-Za-z0-9]*(/[A-Za-z0-9]+)*$`)

const maxFeatureName = 253

// validateFeatures checks what a node declares that it can do: names in their order.
func validateFeatures(features []string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, name := range features {
		switch {
		case len(name) > maxFeatureName:
			errs = append(errs, field.Invalid(path.Index(i), name, fmt.Sprintf("invalid feature name %q: must be no more than %d characters", name, maxFeatureName)))
		case !featureName.MatchString(name):
			errs = append(errs, field.Invalid(path.Index(i), name, fmt.Sprintf("invalid feature name %q: must start with an UpperCamelCase segment, with subsequent segments "+
				"separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes", name)))
		}
		switch {
		case i > 0 && features[i-1] > name:
			errs = append(errs, field.Invalid(path.Index(i), name, "list must be sorted alphabetically"))
		case i > 0 && features[i-1] == name:
			errs = append(errs, field.Duplicate(path.Index(i), name))
		}
	}
	return errs
}
