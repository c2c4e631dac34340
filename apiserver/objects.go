package apiserver

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Objects reads the objects of a kind that is served and stored, for admission.
func (s *Server) Objects(kind schema.GroupVersionKind) (admission.Objects, bool) {
	for _, at := range s.kinds.Load().endpoints {
		if at.gvk == kind && at.cached != nil {
			return admission.Objects{Namespaced: at.row.Namespaced, Resource: at.row.GroupResource(), Get: at.getter(s.Cache), List: at.all}, true
		}
	}
	return admission.Objects{}, false
}

func (at *endpoint) getter(whole *cache.Cache) func(context.Context, string, string) (runtime.Object, bool, error) {
	return func(ctx context.Context, namespace, name string) (runtime.Object, bool, error) {
		entry, found := at.cached.GetKey(at.key(namespace, name))
		if !found {
			if err := whole.WaitCommitted(ctx); err != nil {
				return nil, false, err
			}
			if entry, found = at.cached.GetKey(at.key(namespace, name)); !found {
				return nil, false, nil
			}
		}
		obj, err := at.shown(ctx, entry)
		return obj, err == nil, err
	}
}

func (at *endpoint) all(ctx context.Context, namespace string) ([]runtime.Object, error) {
	var all []runtime.Object
	var failed error
	at.cached.Snapshot().Ascend(namespace, "", func(entry *cache.Entry) bool {
		obj, err := at.shown(ctx, entry)
		if err != nil {
			failed = err
			return false
		}
		all = append(all, obj)
		return true
	})
	return all, failed
}

// shown is the object of an entry in the endpoint's version.
func (at *endpoint) shown(ctx context.Context, entry *cache.Entry) (runtime.Object, error) {
	obj, err := at.object(ctx, entry)
	if err != nil {
		return nil, err
	}
	return at.versioned(obj)
}
