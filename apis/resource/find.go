package resource

import (
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Storage is the version that is stored; that of StoredIn where the storage is shared.
func (r *Resource) Storage() *Version {
	if r.StoredIn != nil {
		return r.StoredIn.Storage()
	}
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

// Untyped says whether objects have no Go type: those of a CustomResourceDefinition.
func (r *Resource) Untyped() bool { return r.StoredAsJSON && r.StoredAPIVersion != "" }

// GroupResource names the resource in errors and in authorization.
func (r *Resource) GroupResource() schema.GroupResource {
	return schema.GroupResource{Group: r.Group, Resource: r.Name}
}

// GroupVersionKind of objects in the named version.
func (r *Resource) GroupVersionKind(version string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: r.Group, Version: version, Kind: r.Kind}
}

// Find returns the row of that name, or nil.
func Find(rows []*Resource, group, name string) *Resource {
	for _, r := range rows {
		if r.Group == group && r.Name == name {
			return r
		}
	}
	return nil
}
