package apiserver

import (
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

// FieldManager keeps metadata.managedFields and merges applied configurations. Objects are of the version that the client
// speaks, which kind names. live is never changed, obj may be; what is returned may share memory with both.
type FieldManager interface {
	// Update returns obj with the fields that differ from live owned by the manager. A live object without a UID is a creation.
	Update(row *resource.Resource, kind schema.GroupVersionKind, live, obj resource.Object, manager, subresource string) (resource.Object, error)
	// Apply returns live with the configuration merged into it. Conflicts with other managers are a Status, unless they are forced.
	Apply(row *resource.Resource, kind schema.GroupVersionKind, live resource.Object, wanted fieldmanager.Configuration) (resource.Object, error)
}

// manageFields returns obj, of the storage version, with its managedFields brought up to date.
func (c *call) manageFields(live, obj resource.Object, options writeOptions, subresource string) (resource.Object, error) {
	fields := c.fields()
	if fields == nil {
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
	managed, err := fields.Update(c.at.row, c.at.gvk, before, after, options.manager, subresource)
	if err != nil {
		// Not to know who owns a field is no reason to refuse a write. What was known of them is not true any more.
		logr.FromContextOrDiscard(c.ctx()).V(1).Info("managing fields failed", "kind", c.at.gvk.Kind, "reason", err.Error())
		obj.SetManagedFields(nil)
		return obj, nil
	}
	obj.SetManagedFields(managed.GetManagedFields())
	return obj, nil
}
