package kinds

import (
	"context"

	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// Hooks are what some resources need beyond what a row can say. The zero value is right for all others.
type Hooks struct {
	// OnCreate and onUpdate may change obj before it is validated, and add operations to its transaction. They
	// are called again when one of these failed because of what others did.
	OnCreate func(ctx context.Context, obj resource.Object) ([]storage.Op, error)
	OnUpdate func(ctx context.Context, obj, old resource.Object) ([]storage.Op, error)
	// Wrong is what is wrong with obj beside what its row finds, when that is more than a pure function can say; old is nil
	// on create.
	Wrong func(obj, old resource.Object) field.ErrorList
	// OnDelete adds operations to the transaction that removes obj.
	OnDelete func(ctx context.Context, obj resource.Object) ([]storage.Op, error)
	// OnTerminate changes obj when its deletion starts but waits.
	OnTerminate func(obj resource.Object)
	// Holds says that obj, which is being deleted, must not go yet, finalizers in its metadata apart.
	Holds func(obj resource.Object) bool
	// ReturnsDeleted answers a deletion with the object and not with a Status.
	ReturnsDeleted bool
}

// BeforeCreate is OnCreate, if there is one.
func (h Hooks) BeforeCreate(ctx context.Context, obj resource.Object) ([]storage.Op, error) {
	if h.OnCreate == nil {
		return nil, nil
	}
	return h.OnCreate(ctx, obj)
}

// WrongWith is Wrong, if there is one.
func (h Hooks) WrongWith(obj, old resource.Object) field.ErrorList {
	if h.Wrong == nil {
		return nil
	}
	return h.Wrong(obj, old)
}

// BeforeUpdate is OnUpdate, if there is one.
func (h Hooks) BeforeUpdate(ctx context.Context, obj, old resource.Object) ([]storage.Op, error) {
	if h.OnUpdate == nil {
		return nil, nil
	}
	return h.OnUpdate(ctx, obj, old)
}
