package auth

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Lister is the view of the watch cache that authentication, authorization and admission read. Objects
// are of the storage version, shared, and never changed by whoever gets them.
type Lister interface {
	// Get returns one object; namespace is empty for cluster-scoped resources.
	Get(of schema.GroupResource, namespace, name string) (resource.Object, bool)
	// Each calls yield for the objects of one namespace ("" means all) in order of their keys, until it
	// returns false.
	Each(of schema.GroupResource, namespace string, yield func(resource.Object) bool)
	// Changed returns a number that grows with every change of the resource's objects, so that what was
	// computed from them can be kept until then.
	Changed(of schema.GroupResource) int64
	// Sync returns when the view has everything that was committed before the call. It is for those who
	// are about to refuse a request because of what is not in the view.
	Sync(ctx context.Context) error
}

// Find gets one object of type T, and looks a second time after a Sync when it is not there.
func Find[T resource.Object](ctx context.Context, l Lister, of schema.GroupResource, namespace, name string) (T, bool, error) {
	if found, ok := Get[T](l, of, namespace, name); ok {
		return found, true, nil
	}
	var none T
	if err := l.Sync(ctx); err != nil {
		return none, false, err
	}
	found, ok := Get[T](l, of, namespace, name)
	return found, ok, nil
}

// Get gets one object of type T.
func Get[T resource.Object](l Lister, of schema.GroupResource, namespace, name string) (T, bool) {
	var none T
	obj, ok := l.Get(of, namespace, name)
	if !ok {
		return none, false
	}
	typed, ok := obj.(T)
	return typed, ok
}

// List returns all objects of type T in a namespace ("" means all).
func List[T resource.Object](l Lister, of schema.GroupResource, namespace string) []T {
	var all []T
	l.Each(of, namespace, func(obj resource.Object) bool {
		if typed, ok := obj.(T); ok {
			all = append(all, typed)
		}
		return true
	})
	return all
}
