package kinds

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/request"
)

// Set is everything that is served. It is never changed, only replaced.
type Set struct {
	Rows      []*resource.Resource
	Endpoints map[schema.GroupVersionResource]*Endpoint
	Groups    map[string]bool // groups and group/versions that exist; true for what is not of definitions alone
	byPrefix  map[string]*Kind
}

// EndpointOf is where a request for a resource is served; nil if it is not.
func (k *Set) EndpointOf(info *request.Info) *Endpoint {
	return k.Endpoints[schema.GroupVersionResource{Group: info.Group, Version: info.Version, Resource: info.Resource}]
}

// manyKinds is about how many are built in.
const manyKinds = 128

func (k *Set) without(of ...schema.GroupResource) *Set {
	isGone := func(row *resource.Resource) bool { return slices.Contains(of, row.GroupResource()) }
	next := &Set{
		Endpoints: maps.Clone(k.Endpoints), byPrefix: maps.Clone(k.byPrefix), Groups: map[string]bool{},
		Rows: slices.DeleteFunc(slices.Clone(k.Rows), isGone),
	}
	if next.Endpoints == nil {
		next.Endpoints, next.byPrefix = make(map[schema.GroupVersionResource]*Endpoint, manyKinds), make(map[string]*Kind, manyKinds)
	}
	maps.DeleteFunc(next.Endpoints, func(_ schema.GroupVersionResource, e *Endpoint) bool { return isGone(e.Row) })
	maps.DeleteFunc(next.byPrefix, func(_ string, k *Kind) bool { return isGone(k.Row) })
	for _, row := range next.Rows {
		next.addGroup(row)
	}
	return next
}

func (k *Set) addGroup(row *resource.Resource) {
	built := !row.Untyped()
	k.Groups[row.Group] = k.Groups[row.Group] || built
	for _, version := range row.Versions {
		name := row.Group + "/" + version.Name
		k.Groups[name] = k.Groups[name] || built
	}
}

func (k *Set) add(added *Kind) {
	row := added.Row
	k.Rows = append(k.Rows, row)
	k.addGroup(row)
	if added.Cached != nil && k.byPrefix[added.Prefix] == nil {
		k.byPrefix[added.Prefix] = added
	}
	for i := range row.Versions {
		version := &row.Versions[i]
		gvk := row.GroupVersionKind(version.Name)
		list := gvk
		if list.Kind += "List"; row.ListKind != "" {
			list.Kind = row.ListKind
		}
		id := gvk.GroupVersion().String()
		k.Endpoints[gvk.GroupVersion().WithResource(row.Name)] = &Endpoint{
			Kind: added, Version: version, GVK: gvk, ListGVK: list,
			same:     added.Cached == nil || (gvk == added.StoredAs && version.FromStorage == nil),
			Protobuf: codec.HasProtobuf(version.New()), keys: keysOf(id, added.Custom != nil),
		}
	}
}
