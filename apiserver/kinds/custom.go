package kinds

import (
	"context"
	"fmt"
	"sync/atomic"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

// Custom is one version of a resource whose objects have no Go type: of a CustomResourceDefinition. Each version is a row of its own,
// for schema, columns, fields and subresources may differ; all of them share one storage, in which each object is kept in the
// version in which it was written.
type Custom struct {
	Row    *resource.Resource
	Codec  CustomCodec
	Fields FieldManager
	// Terminating refuses new objects while it is set: the definition is being deleted.
	Terminating *atomic.Bool
}

// CustomCodec stands between objects in one version and what is stored. No method keeps or changes what it is given, but for Accept.
type CustomCodec interface {
	// Accept drops from a decoded body what the schema does not have and returns that as faults; the error is why it is no object at all.
	Accept(obj resource.Object) (faults []error, err error)
	// Decode reads a stored value in whatever version it is.
	Decode(value []byte) (resource.Object, error)
	// Show returns decoded objects in the codec's version; it may return what it is given.
	Show(ctx context.Context, objects []resource.Object) ([]resource.Object, error)
	// Encode returns what is to be stored.
	Encode(ctx context.Context, obj resource.Object) ([]byte, error)
}

// FieldManager keeps metadata.managedFields and merges applied configurations. Objects are of the version that the client
// speaks, which kind names. live is never changed, obj may be; what is returned may share memory with both.
type FieldManager interface {
	// Update returns obj with the fields that differ from live owned by the manager. A live object without a UID is a creation.
	Update(row *resource.Resource, kind schema.GroupVersionKind, live, obj resource.Object, manager, subresource string) (resource.Object, error)
	// Apply returns live with the configuration merged into it. Conflicts with other managers are a Status, unless they are forced.
	Apply(row *resource.Resource, kind schema.GroupVersionKind, live resource.Object, wanted fieldmanager.Configuration) (resource.Object, error)
}

// ServeCustom starts to serve the versions of one resource, in place of what was served under its name. Its watches end.
func (s *Served) ServeCustom(versions ...Custom) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.Now().without(versions[0].Row.GroupResource())
	for i := range versions {
		k, err := s.newKind(versions[i].Row, next, &versions[i])
		if err != nil {
			return fmt.Errorf("serving %s: %w", versions[i].Row.GroupResource(), err)
		}
		next.add(k)
	}
	s.set.Store(next)
	return nil
}
