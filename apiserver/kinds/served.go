package kinds

import (
	"fmt"
	"sync"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/extensions/packed"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Served is what a server serves. Its exported fields are set before the first row is added; the zero value serves nothing.
type Served struct {
	// Watched is the watch cache, in which each kind gets its place.
	Watched *cache.Cache
	// HooksOf are those of a row; nil where no row has any.
	HooksOf func(row *resource.Resource) Hooks
	// Known returns, for a row, what finds the object of a stored value without decoding it, nil where it is not known. Both may be nil.
	Known func(row *resource.Resource) func(value []byte) resource.Object

	mu  sync.Mutex // orders what changes the set
	set atomic.Pointer[Set]
}

// Now is what is served at the moment.
func (s *Served) Now() *Set {
	if set := s.set.Load(); set != nil {
		return set
	}
	return &Set{}
}

// AddRows starts to serve rows, or replaces those of their names.
func (s *Served) AddRows(rows ...*resource.Resource) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []schema.GroupResource
	for _, row := range rows {
		names = append(names, row.GroupResource())
	}
	next := s.Now().without(names...)
	for _, row := range rows {
		k, err := s.newKind(row, next, nil)
		if err != nil {
			return fmt.Errorf("serving %s: %w", row.GroupResource(), err)
		}
		next.add(k)
	}
	s.set.Store(next)
	return nil
}

// RemoveRow stops serving a row and ends its watches. Its objects stay in the store.
func (s *Served) RemoveRow(of schema.GroupResource) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.Now()
	after := before.without(of)
	s.set.Store(after)
	for prefix := range before.byPrefix {
		if after.byPrefix[prefix] == nil {
			s.Watched.Remove(prefix) // its watches end
		}
	}
}

// newKind makes a kind of a row. Rows that are stored below one prefix, such as those of a definition's versions or of both groups of events,
// share what is cached; what is never stored has no cache.
func (s *Served) newKind(row *resource.Resource, among *Set, custom *Custom) (*Kind, error) {
	k := &Kind{Row: row, Custom: custom}
	if s.HooksOf != nil {
		k.Hooks = s.HooksOf(row)
	}
	if row.Virtual || row.StoragePrefix == "" {
		k.Storage = row.Storage()
		return k, nil
	}
	k.Prefix = storage.Root + row.StoragePrefix + "/"
	if owner := among.byPrefix[k.Prefix]; owner != nil {
		k.Storage, k.StoredAs, k.Cached = owner.Storage, owner.StoredAs, owner.Cached
		if custom != nil {
			k.Storage, k.StoredAs = row.Storage(), row.GroupVersionKind(row.Storage().Name)
		}
		return k, nil
	}
	k.Storage = row.Storage()
	if k.Storage == nil {
		return nil, fmt.Errorf("there is no storage version %q", row.StorageVersion)
	}
	k.StoredAs = row.GroupVersionKind(k.Storage.Name)
	if s.Known != nil {
		k.known = s.Known(row)
	}
	of := cache.Kind{Name: row.GroupResource().String(), Prefix: k.Prefix, Namespaced: row.Namespaced, Decode: k.decodeCached, Route: routeOf(row)}
	if row.GroupResource() == packed.Resource() {
		k.packer = &packed.Packer{}
		of.Decode, of.Stored, of.StoredSize = k.decodePacked, storedDefinition, storedSize
	}
	k.Cached = s.Watched.Add(of)
	return k, nil
}
