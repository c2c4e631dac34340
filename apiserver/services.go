package apiserver

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/services"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
	"github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// serviceHooks: a Service gets its addresses and ports in its own transaction, and gives them back in it.
func (s *Server) serviceHooks() hooks {
	a := &services.Allocator{Ranges: s.Services.WithDefaults(), Store: s.Store, Taken: s.addressTaken, Each: s.eachService}
	kind := schema.GroupKind{Kind: "Service"}
	result := func(obj resource.Object, ops []storage.Op, errs field.ErrorList, err error) ([]storage.Op, error) {
		if err != nil {
			return nil, err
		}
		return ops, invalid(kind, obj.GetName(), errs)
	}
	return hooks{
		returnsDeleted: true,
		onCreate: func(ctx context.Context, obj resource.Object) ([]storage.Op, error) {
			ops, errs, err := a.Create(ctx, obj.(*corev1.Service))
			return result(obj, ops, errs, err)
		},
		onUpdate: func(ctx context.Context, obj, old resource.Object) ([]storage.Op, error) {
			ops, errs, err := a.Update(ctx, obj.(*corev1.Service), old.(*corev1.Service))
			return result(obj, ops, errs, err)
		},
		onDelete: func(ctx context.Context, obj resource.Object) ([]storage.Op, error) {
			return a.Delete(ctx, obj.(*corev1.Service))
		},
	}
}

func (s *Server) addressTaken(address string) bool {
	at := s.kinds.Load().endpoints[networkingv1.SchemeGroupVersion.WithResource("ipaddresses")]
	if at == nil {
		return false
	}
	_, found := at.cached.GetKey(at.key("", address))
	return found
}

func (s *Server) eachService(yield func(*corev1.Service)) {
	at := s.kinds.Load().endpoints[corev1.SchemeGroupVersion.WithResource("services")]
	if at == nil {
		return
	}
	at.cached.Snapshot().Ascend("", "", func(entry *cache.Entry) bool {
		if service, ok := entry.Object.(*corev1.Service); ok {
			yield(service)
		}
		return true
	})
}
