package resource

import (
	"k8s.io/apimachinery/pkg/api/validate/content"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// NameOfAnyPrefix checks names as most kinds do, but not what a name is to be generated from: the name itself will tell.
func NameOfAnyPrefix(name string, prefix bool) []string {
	if prefix {
		return nil
	}
	return check.SubdomainFaults(name)
}

// PathSegmentName lets a name be anything that fits between the slashes of a path, as roles and bindings do.
func PathSegmentName(name string, prefix bool) []string {
	if prefix {
		return content.IsPathSegmentPrefix(name)
	}
	return content.IsPathSegmentName(name)
}
