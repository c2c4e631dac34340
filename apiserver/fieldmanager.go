package apiserver

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// FieldManager keeps metadata.managedFields of one kind and merges applied configurations into its objects. Objects are
// of the version that the client speaks. None of the arguments is changed; the result may share memory with them.
type FieldManager interface {
	// Update returns obj with the fields that differ from live owned by the manager. A live object without a UID is a creation.
	Update(live, obj runtime.Object, manager, subresource string) (runtime.Object, error)
	// Apply returns live with the configuration merged into it. configuration is JSON. Conflicts with other managers are a Status, unless force is set.
	Apply(live runtime.Object, configuration []byte, manager string, force bool, subresource string) (runtime.Object, error)
}

// FieldManagers finds the field manager of a row in a version, or nil.
type FieldManagers interface {
	For(row *resource.Resource, kind schema.GroupVersionKind) FieldManager
}

// fieldManager of the endpoint, or nil.
func (c *call) fieldManager() FieldManager {
	if c.FieldManagers == nil {
		return nil
	}
	return c.FieldManagers.For(c.at.row, c.at.gvk)
}

// manageFields returns obj, of the storage version, with its managedFields brought up to date.
func (c *call) manageFields(live, obj resource.Object, options writeOptions, subresource string) (resource.Object, error) {
	manager := c.fieldManager()
	if manager == nil {
		return obj, nil
	}
	before, err := c.at.versioned(live)
	if err != nil {
		return nil, err
	}
	after, err := c.at.versioned(obj)
	if err != nil {
		return nil, err
	}
	managed, err := manager.Update(before, after, options.manager, subresource)
	if err != nil {
		return nil, apierrors.NewInternalError(fmt.Errorf("managing fields: %w", err))
	}
	obj.SetManagedFields(managed.(resource.Object).GetManagedFields())
	return obj, nil
}
