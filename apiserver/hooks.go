package apiserver

import (
	"context"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/storage"
)

// hooks are what some resources need beyond what a row can say. The zero value is right for all others.
type hooks struct {
	// onCreate and onUpdate may change obj before it is validated, and add operations to its transaction.
	onCreate func(ctx context.Context, c *call, obj resource.Object, dryRun bool) (reservation, []storage.Op, error)
	onUpdate func(ctx context.Context, c *call, obj, old resource.Object, dryRun bool) (reservation, []storage.Op, error)
	// onDelete adds operations to the transaction that removes obj.
	onDelete func(ctx context.Context, c *call, obj resource.Object) ([]storage.Op, error)
	// onTerminate changes obj when its deletion starts but waits.
	onTerminate func(obj resource.Object)
	// holds says that obj, which is being deleted, must not go yet, finalizers in its metadata apart.
	holds func(obj resource.Object) bool
	// returnsDeleted answers a deletion with the object and not with a Status.
	returnsDeleted bool
}

// reservation is taken by a hook for the time of a write: Release gives it back when the write failed.
type reservation struct {
	Release  func()
	finished bool
}

func (r *reservation) done() { r.finished = true }

func (r *reservation) unlessDone() {
	if r != nil && !r.finished && r.Release != nil {
		r.Release()
	}
}

func (h hooks) beforeCreate(ctx context.Context, c *call, obj resource.Object, dryRun bool) (*reservation, []storage.Op, error) {
	if h.onCreate == nil {
		return &reservation{}, nil, nil
	}
	r, ops, err := h.onCreate(ctx, c, obj, dryRun)
	return &r, ops, err
}

func (h hooks) beforeUpdate(ctx context.Context, c *call, obj, old resource.Object, dryRun bool) (*reservation, []storage.Op, error) {
	if h.onUpdate == nil {
		return &reservation{}, nil, nil
	}
	r, ops, err := h.onUpdate(ctx, c, obj, old, dryRun)
	return &r, ops, err
}

// hooksOf is the one list of resources that have any.
func (s *Server) hooksOf(row *resource.Resource) hooks {
	if row.Group != "" {
		return hooks{}
	}
	switch row.Name {
	case "namespaces":
		return namespaceHooks()
	case "services":
		return s.serviceHooks()
	case "pods", "persistentvolumes", "persistentvolumeclaims", "serviceaccounts", "podtemplates", "resourcequotas":
		return hooks{returnsDeleted: true}
	}
	return hooks{}
}
