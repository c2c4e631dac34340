package write

import (
	"reflect"
	"slices"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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

// managers are who manages the fields of an object, as it has them: a custom resource's, which are JSON, are not read for that.
type managers struct {
	json any
	list []metav1.ManagedFieldsEntry
}

func managersOf(obj resource.Object) managers {
	if metadata, ok := metadataOf(obj); ok {
		return managers{json: metadata[managedFields]}
	}
	return managers{list: obj.GetManagedFields()}
}

const managedFields = "managedFields"

// metadataOf is the metadata of a custom resource.
func metadataOf(obj resource.Object) (map[string]any, bool) {
	custom, ok := obj.(*unstructured.Unstructured)
	if !ok {
		return nil, false
	}
	metadata, ok := custom.Object["metadata"].(map[string]any)
	return metadata, ok
}

func (m managers) same(other managers) bool {
	return slices.Equal(m.list, other.list) && reflect.DeepEqual(m.json, other.json)
}

// restore makes an object have these again.
func (m managers) restore(obj resource.Object) {
	metadata, ok := metadataOf(obj)
	switch {
	case !ok:
		obj.SetManagedFields(m.list)
	case m.json == nil:
		delete(metadata, managedFields)
	default:
		metadata[managedFields] = m.json
	}
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
