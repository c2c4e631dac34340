package write

import (
	"github.com/go-logr/logr"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/kinds"
)

// Fields is who manages the fields of the endpoint's objects; nil for nobody.
func (c Verbs) Fields() kinds.FieldManager {
	if c.At.Custom != nil {
		return c.At.Custom.Fields
	}
	if c.FieldManager == nil || !c.strategic() {
		return nil
	}
	return c.FieldManager
}

// ManageFields returns obj, of the storage version, with its managedFields brought up to date.
func (c Verbs) ManageFields(live, obj resource.Object, options call.WriteOptions, subresource string) (resource.Object, error) {
	fields := c.Fields()
	if fields == nil {
		return obj, nil
	}
	before, err := c.At.Versioned(live)
	if err != nil {
		return nil, err
	}
	after, err := c.At.Versioned(obj)
	if err != nil {
		return nil, err
	}
	managed, err := fields.Update(c.At.Row, c.At.GVK, before, after, options.Manager, subresource)
	if err != nil {
		// Not to know who owns a field is no reason to refuse a write. What was known of them is not true any more.
		logr.FromContextOrDiscard(c.Context()).V(1).Info("managing fields failed", "kind", c.At.GVK.Kind, "reason", err.Error())
		obj.SetManagedFields(nil)
		return obj, nil
	}
	if managed != obj { // of a custom resource, reading and writing them costs as much as all before
		obj.SetManagedFields(managed.GetManagedFields())
	}
	return obj, nil
}
