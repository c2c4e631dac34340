package admission

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Objects reads the objects of one kind in one version, of a custom one too. They are shared and must not be changed.
type Objects struct {
	Namespaced bool
	Resource   schema.GroupResource
	// Get looks for one object, and waits for what is committed before it says that there is none.
	Get func(ctx context.Context, namespace, name string) (runtime.Object, bool, error)
	// List returns those of a namespace, or of all of them.
	List func(ctx context.Context, namespace string) ([]runtime.Object, error)
}

// Finder finds the objects of a kind; false where it is not served.
type Finder func(kind schema.GroupVersionKind) (Objects, bool)
