package check

import (
	"k8s.io/apimachinery/pkg/api/validate/content"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Segment checks a name that is a part of a URL's path.
func Segment(at *field.Path, name string) field.ErrorList {
	return Messages(at, name, content.IsPathSegmentName(name))
}

// RequiredSegment checks a part of a URL's path that must be there.
func RequiredSegment(at *field.Path, name string) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	return Segment(at, name)
}

// GroupVersion checks an apiVersion.
func GroupVersion(at *field.Path, apiVersion string) field.ErrorList {
	if _, err := schema.ParseGroupVersion(apiVersion); err != nil {
		return field.ErrorList{field.Invalid(at, apiVersion, err.Error())}
	}
	return nil
}

// DomainPrefixed checks a path that begins with a domain: "acme.io/foo".
func DomainPrefixed(at *field.Path, value string) field.ErrorList {
	return validation.IsDomainPrefixedPath(at, value)
}
