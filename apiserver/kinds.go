package apiserver

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// kinds is everything that is served. It is never changed, only replaced.
type kinds struct {
	rows      []*resource.Resource
	endpoints map[schema.GroupVersionResource]*endpoint
	groups    map[string]bool // groups and group/versions that exist; true for what is not of definitions alone
	byPrefix  map[string]*kind
}

// kind is a row and where its objects are kept.
type kind struct {
	row     *resource.Resource
	storage *resource.Version
	gvk     schema.GroupVersionKind // as stored
	prefix  string                  // of keys, with a slash at its end
	cached  *cache.Resource         // nil for virtual rows
	hooks   hooks
	custom  *Custom        // nil for kinds that have a Go type
	packer  *packed.Packer // of definitions alone, whose objects the watch cache keeps packed
	shared  packed.Shared
}

// endpoint is a kind served in one version.
type endpoint struct {
	*kind
	version *resource.Version
	gvk     schema.GroupVersionKind
	listGVK schema.GroupVersionKind
	// same is set where the version is the stored one.
	same bool
	// protobuf is set where the kind has a protobuf form.
	protobuf bool
	keys     encodingKeys
	// scratch are objects of the version that are needed for a moment.
	scratch sync.Pool
}

// encodingKeys name the encodings that a cache entry keeps.
type encodingKeys struct {
	cbor, json, protobuf, partialJSON, partialProtobuf string
}

// AddRows starts to serve rows, or replaces those of their names.
func (s *Server) AddRows(rows ...*resource.Resource) error {
	s.rowsMu.Lock()
	defer s.rowsMu.Unlock()
	var names []schema.GroupResource
	for _, row := range rows {
		names = append(names, row.GroupResource())
	}
	next := s.kinds.Load().without(names...)
	for _, row := range rows {
		k, err := s.newKind(row, next, nil)
		if err != nil {
			return fmt.Errorf("serving %s: %w", row.GroupResource(), err)
		}
		next.add(k)
	}
	s.kinds.Store(next)
	return nil
}

// RemoveRow stops serving a row and ends its watches. Its objects stay in the store.
func (s *Server) RemoveRow(of schema.GroupResource) {
	s.rowsMu.Lock()
	defer s.rowsMu.Unlock()
	before := s.kinds.Load()
	after := before.without(of)
	s.kinds.Store(after)
	for prefix := range before.byPrefix {
		if after.byPrefix[prefix] == nil {
			s.Cache.Remove(prefix) // its watches end
		}
	}
}

func (s *Server) newKind(row *resource.Resource, among *kinds, custom *Custom) (*kind, error) {
	k := &kind{row: row, hooks: s.hooksOf(row), custom: custom}
	if row.Virtual || row.StoragePrefix == "" {
		k.storage = row.Storage()
		return k, nil
	}
	k.prefix = storage.Root + row.StoragePrefix + "/"
	if owner := among.byPrefix[k.prefix]; owner != nil {
		k.storage, k.gvk, k.cached = owner.storage, owner.gvk, owner.cached
		if custom != nil {
			k.storage, k.gvk = row.Storage(), row.GroupVersionKind(row.Storage().Name)
		}
		return k, nil
	}
	k.storage = row.Storage()
	if k.storage == nil {
		return nil, fmt.Errorf("there is no storage version %q", row.StorageVersion)
	}
	k.gvk = row.GroupVersionKind(k.storage.Name)
	of := cache.Kind{Name: row.GroupResource().String(), Prefix: k.prefix, Namespaced: row.Namespaced, Decode: k.decode, Route: routeOf(row)}
	if row.GroupResource() == packed.Resource() {
		k.packer = &packed.Packer{}
		of.Decode, of.Stored = k.decodePacked, storedDefinition
	}
	k.cached = s.Cache.Add(of)
	return k, nil
}

// decode reads a stored value.
func (k *kind) decode(value []byte, revision int64) (runtime.Object, error) {
	if k.custom != nil {
		obj, err := k.custom.Codec.Decode(value)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", k.row.Name, err)
		}
		obj.SetResourceVersion(strconv.FormatInt(revision, 10))
		return obj, nil
	}
	version := k.storage
	if stored, err := codec.PeekKind(value); err == nil && stored.Version != version.Name {
		if other := k.row.Version(stored.Version); other != nil && other.ToStorage != nil {
			version = other
		}
	}
	obj := version.New()
	if _, err := codec.DecodeStored(value, obj); err != nil {
		return nil, fmt.Errorf("reading %s: %w", k.row.Name, err)
	}
	if version.Default != nil {
		version.Default(obj)
	}
	if version != k.storage {
		converted, err := version.ToStorage(obj)
		if err != nil {
			return nil, fmt.Errorf("converting %s: %w", k.row.Name, err)
		}
		obj = converted
	}
	obj.GetObjectKind().SetGroupVersionKind(k.gvk)
	obj.SetResourceVersion(strconv.FormatInt(revision, 10))
	return obj, nil
}

// key of an object.
func (k *kind) key(namespace, name string) string {
	if k.row.Namespaced {
		return k.prefix + namespace + "/" + name
	}
	return k.prefix + name
}

func (k *kinds) without(of ...schema.GroupResource) *kinds {
	isGone := func(row *resource.Resource) bool { return slices.Contains(of, row.GroupResource()) }
	next := &kinds{
		endpoints: maps.Clone(k.endpoints), byPrefix: maps.Clone(k.byPrefix), groups: map[string]bool{},
		rows: slices.DeleteFunc(slices.Clone(k.rows), isGone),
	}
	if next.endpoints == nil {
		next.endpoints, next.byPrefix = map[schema.GroupVersionResource]*endpoint{}, map[string]*kind{}
	}
	maps.DeleteFunc(next.endpoints, func(_ schema.GroupVersionResource, e *endpoint) bool { return isGone(e.row) })
	maps.DeleteFunc(next.byPrefix, func(_ string, k *kind) bool { return isGone(k.row) })
	for _, row := range next.rows {
		next.addGroup(row)
	}
	return next
}

func (k *kinds) addGroup(row *resource.Resource) {
	built := !row.Untyped()
	k.groups[row.Group] = k.groups[row.Group] || built
	for _, version := range row.Versions {
		name := row.Group + "/" + version.Name
		k.groups[name] = k.groups[name] || built
	}
}

func (k *kinds) add(added *kind) {
	row := added.row
	k.rows = append(k.rows, row)
	k.addGroup(row)
	if added.cached != nil && k.byPrefix[added.prefix] == nil {
		k.byPrefix[added.prefix] = added
	}
	for i := range row.Versions {
		version := &row.Versions[i]
		gvk := row.GroupVersionKind(version.Name)
		list := gvk
		if list.Kind += "List"; row.ListKind != "" {
			list.Kind = row.ListKind
		}
		id := gvk.GroupVersion().String()
		k.endpoints[gvk.GroupVersion().WithResource(row.Name)] = &endpoint{
			kind: added, version: version, gvk: gvk, listGVK: list,
			same:     added.cached == nil || (gvk == added.gvk && version.FromStorage == nil),
			protobuf: codec.HasProtobuf(version.New()), keys: keysOf(id, added.custom != nil),
		}
	}
}

// keysOf names encodings. Metadata is the same in all versions, but for what a conversion of custom resources may do to it.
func keysOf(version string, custom bool) encodingKeys {
	keys := encodingKeys{cbor: version + " cbor", json: version + " json", protobuf: version + " protobuf", partialJSON: "partial json", partialProtobuf: "partial protobuf"}
	if custom {
		keys.partialJSON, keys.partialProtobuf = version+" "+keys.partialJSON, version+" "+keys.partialProtobuf
	}
	return keys
}

// routeOf lets the watchers of one node's pods be found without looking at all others.
func routeOf(row *resource.Resource) func(runtime.Object) string {
	if row.Group != "" || row.Name != "pods" || !slices.Contains(row.FieldNames, nodeNameField) {
		return nil
	}
	return func(obj runtime.Object) string {
		if pod, ok := obj.(*corev1.Pod); ok { // whose other fields need not be told
			return pod.Spec.NodeName
		}
		return row.Fields(obj.(resource.Object))[nodeNameField]
	}
}

// nodeNameField is the field by which a kubelet selects its pods.
const nodeNameField = "spec.nodeName"
