package kinds

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// Objects reads the objects of a kind that is served and stored, for admission.
func (s *Served) Objects(kind schema.GroupVersionKind) (admission.Objects, bool) {
	for _, at := range s.Now().Endpoints {
		if at.GVK == kind && at.Cached != nil {
			return admission.Objects{Namespaced: at.Row.Namespaced, Resource: at.Row.GroupResource(), Get: at.getter(s.Watched), List: at.all}, true
		}
	}
	return admission.Objects{}, false
}

func (at *Endpoint) getter(whole *cache.Cache) func(context.Context, string, string) (runtime.Object, bool, error) {
	return func(ctx context.Context, namespace, name string) (runtime.Object, bool, error) {
		entry, found := at.Cached.GetKey(at.Key(namespace, name))
		if !found {
			if err := whole.WaitCommitted(ctx); err != nil {
				return nil, false, err
			}
			if entry, found = at.Cached.GetKey(at.Key(namespace, name)); !found {
				return nil, false, nil
			}
		}
		obj, err := at.shown(ctx, entry)
		return obj, err == nil, err
	}
}

func (at *Endpoint) all(ctx context.Context, namespace string) ([]runtime.Object, error) {
	var all []runtime.Object
	var failed error
	at.Cached.Snapshot().Ascend(namespace, "", func(entry *cache.Entry) bool {
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
func (at *Endpoint) shown(ctx context.Context, entry *cache.Entry) (runtime.Object, error) {
	obj, err := at.Object(ctx, entry)
	if err != nil {
		return nil, err
	}
	return at.Versioned(obj)
}
