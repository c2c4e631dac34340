package resource

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Storage is the version that is stored.
func (r *Resource) Storage() *Version {
	if r.StorageVersion == "" {
		return &r.Versions[0]
	}
	return r.Version(r.StorageVersion)
}

// Version returns the served version of that name, or nil.
func (r *Resource) Version(name string) *Version {
	for i := range r.Versions {
		if r.Versions[i].Name == name {
			return &r.Versions[i]
		}
	}
	return nil
}

// Subresource returns the subresource of that name, or nil.
func (r *Resource) Subresource(name string) *Subresource {
	for i := range r.Subresources {
		if r.Subresources[i].Name == name {
			return &r.Subresources[i]
		}
	}
	return nil
}

// GroupResource names the resource in errors and in authorization.
func (r *Resource) GroupResource() schema.GroupResource {
	return schema.GroupResource{Group: r.Group, Resource: r.Name}
}

// GroupVersionKind of objects in the named version.
func (r *Resource) GroupVersionKind(version string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: r.Group, Version: version, Kind: r.Kind}
}
