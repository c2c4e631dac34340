package cacheview

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// View reads the latest objects of a cache.
type View struct {
	cache    *cache.Cache
	prefixes map[schema.GroupResource]string
}

var _ auth.Lister = &View{}

// New returns a view of the rows' resources. They need not be in the cache yet.
func New(c *cache.Cache, rows []*resource.Resource) *View {
	v := &View{cache: c, prefixes: map[schema.GroupResource]string{}}
	for _, row := range rows {
		if row.StoragePrefix != "" && !row.Virtual {
			v.prefixes[row.GroupResource()] = storage.Root + row.StoragePrefix + "/"
		}
	}
	return v
}

func (v *View) resource(of schema.GroupResource) (*cache.Resource, bool) {
	prefix, ok := v.prefixes[of]
	if !ok {
		return nil, false
	}
	return v.cache.Resource(prefix)
}

// Get implements auth.Lister.
func (v *View) Get(of schema.GroupResource, namespace, name string) (resource.Object, bool) {
	r, ok := v.resource(of)
	if !ok || name == "" || r.Kind().Namespaced != (namespace != "") {
		return nil, false
	}
	entry, ok := r.Get(namespace, name)
	if !ok {
		return nil, false
	}
	return object(entry)
}

func object(entry *cache.Entry) (resource.Object, bool) {
	good := entry.Good()
	if good == nil {
		return nil, false
	}
	obj, ok := good.Object.(resource.Object)
	return obj, ok
}

// Each implements auth.Lister.
func (v *View) Each(of schema.GroupResource, namespace string, yield func(resource.Object) bool) {
	r, ok := v.resource(of)
	if !ok || r.Len() == 0 { // as where there are no quotas or ranges, which every pod asks for
		return
	}
	r.Snapshot().Ascend(namespace, "", func(entry *cache.Entry) bool {
		obj, ok := object(entry)
		return !ok || yield(obj)
	})
}

// Changed implements auth.Lister.
func (v *View) Changed(of schema.GroupResource) int64 {
	r, ok := v.resource(of)
	if !ok {
		return 0
	}
	return r.Changed()
}

// Sync implements auth.Lister.
func (v *View) Sync(ctx context.Context) error { return v.cache.WaitCommitted(ctx) }

// Follow tells of every object of a resource and of each change to one, until ctx ends.
func (v *View) Follow(ctx context.Context, of schema.GroupResource, deliver func(obj resource.Object, deleted bool)) error {
	for ctx.Err() == nil {
		r, ok := v.resource(of)
		if !ok {
			return fmt.Errorf("following %s: not in the cache", of)
		}
		err := r.Follow(ctx, cache.WatchOptions{Initial: true}, func(events []cache.Event) bool {
			for _, event := range events {
				if event.Entry == nil {
					continue
				}
				if obj, ok := object(event.Entry); ok {
					deliver(obj, event.Type == watch.Deleted)
				}
			}
			return true
		})
		if err != nil && !errors.Is(err, storage.ErrCompacted) {
			return err
		}
	}
	return ctx.Err()
}

// Await returns nil once the object exists, or when ctx ends its error.
func (v *View) Await(ctx context.Context, of schema.GroupResource, namespace, name string) error {
	r, ok := v.resource(of)
	if !ok {
		return fmt.Errorf("waiting for %s: not in the cache", of)
	}
	return r.Follow(ctx, cache.WatchOptions{Namespace: namespace, Name: name, Initial: true}, func(events []cache.Event) bool {
		return !slices.ContainsFunc(events, func(event cache.Event) bool { return event.Type == watch.Added || event.Type == watch.Modified })
	})
}
