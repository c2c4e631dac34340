package apiserver

import (
	"context"
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// Creation returns what creates an object by which the server itself stands, for a transaction with others of them. The object is completed,
// validated and owned as one that is sent, but nobody is asked whether it may be: neither authorization nor admission. obj may be changed.
// finish, which may be nil, adds what clients write afterwards, such as a status.
func (s *Server) Creation(ctx context.Context, kind schema.GroupVersionKind, obj resource.Object, manager string, finish func(resource.Object)) ([]storage.Op, error) {
	at := s.endpointOf(kind)
	if at == nil {
		return nil, fmt.Errorf("%s is not served", kind)
	}
	obj.GetObjectKind().SetGroupVersionKind(kind)
	obj, err := at.Stored(obj)
	if err != nil {
		return nil, err
	}
	if s.FieldManager != nil {
		shown, err := at.Versioned(obj)
		if err != nil {
			return nil, err
		}
		managed, err := s.FieldManager.Update(at.Row, kind, at.Version.New(), shown, manager, "")
		if err != nil {
			return nil, fmt.Errorf("managing fields: %w", err)
		}
		obj.SetManagedFields(managed.GetManagedFields())
	}
	obj.SetCreationTimestamp(metav1.NewTime(s.Clock.Now().Truncate(time.Second)))
	obj.SetUID(uuid.NewUUID())
	if at.Row.PrepareCreate != nil {
		at.Row.PrepareCreate(ctx, obj)
	}
	more, err := at.Hooks.BeforeCreate(ctx, obj)
	if err != nil {
		return nil, err
	}
	if at.Row.Validate != nil {
		if err := refusal.Invalid(kind.GroupKind(), obj.GetName(), at.Row.Validate(ctx, obj)); err != nil {
			return nil, err
		}
	}
	if at.Row.Canonicalize != nil {
		at.Row.Canonicalize(obj)
	}
	if finish != nil {
		finish(obj)
	}
	value, err := at.Encode(ctx, obj)
	if err != nil {
		return nil, err
	}
	return append([]storage.Op{{Key: at.Key(obj.GetNamespace(), obj.GetName()), Value: value, TTL: at.Row.TTL}}, more...), nil
}

// endpointOf is where a kind is served; nil if it is not.
func (s *Server) endpointOf(kind schema.GroupVersionKind) *kinds.Endpoint {
	now := s.Now()
	for _, row := range now.Rows {
		if row.Group == kind.Group && row.Kind == kind.Kind {
			return now.Endpoints[kind.GroupVersion().WithResource(row.Name)]
		}
	}
	return nil
}
