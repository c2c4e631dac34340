package resource

import "k8s.io/apimachinery/pkg/api/validate/content"

// PathSegmentName lets a name be anything that fits between the slashes of a path, as roles and bindings do.
func PathSegmentName(name string, prefix bool) []string {
	if prefix {
		return content.IsPathSegmentPrefix(name)
	}
	return content.IsPathSegmentName(name)
}
