package fieldmanager

import (
	"fmt"
	"reflect"
	"sync"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/clock"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager/merge"
)

// Reference manages fields by way of structured-merge-diff.
type Reference interface {
	Update(row *resource.Resource, kind schema.GroupVersionKind, live, obj resource.Object, manager, subresource string) (resource.Object, error)
	Apply(row *resource.Resource, kind schema.GroupVersionKind, live resource.Object, wanted Configuration) (resource.Object, error)
}

// Custom is a kind whose objects have no Go type.
type Custom struct {
	// Form is its schema; nil for none, and then there is no plan.
	Form func() (*structural.Structural, error)
	// Reset are the paths of what a write of a subresource cannot change.
	Reset func(subresource string) [][]string
	// Reference decides where a plan is not sure.
	Reference Reference
}

// NewCustom returns the field manager of such a kind. It looks at the schema when the first field is owned.
func NewCustom(c Custom) *Managers {
	plan := sync.OnceValues(func() (*merge.Plan, error) {
		form, err := c.Form()
		if err != nil {
			return nil, err
		}
		if form == nil {
			return nil, fmt.Errorf("a kind without a schema: %w", merge.ErrNoPlan)
		}
		return merge.ForSchema(form)
	})
	return &Managers{reference: c.Reference, untyped: plan, resetPaths: c.Reset, clock: clock.RealClock{}}
}

// planOf the kind of an object.
func (m *Managers) planOf(obj resource.Object) (*merge.Plan, error) {
	if m.untyped != nil {
		return m.untyped()
	}
	return m.planner.ForType(reflect.TypeOf(obj).Elem())
}

// rootOf is an object as its plan has it. It can be set.
func rootOf(obj resource.Object) reflect.Value {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		return reflect.ValueOf(&u.Object).Elem()
	}
	return reflect.ValueOf(obj).Elem()
}

// blank is an empty object of the kind of another.
func blank(like resource.Object) resource.Object {
	if _, ok := like.(*unstructured.Unstructured); ok {
		return &unstructured.Unstructured{Object: map[string]any{}}
	}
	return reflect.New(reflect.TypeOf(like).Elem()).Interface().(resource.Object)
}

// copyUnmanaged is a copy of an object without managedFields.
func copyUnmanaged(obj resource.Object) resource.Object {
	if u, ok := obj.(*unstructured.Unstructured); ok {
		bare := &unstructured.Unstructured{Object: make(map[string]any, len(u.Object))}
		for name, value := range u.Object {
			bare.Object[name] = value
		}
		if meta, ok := bare.Object[metadataName].(map[string]any); ok {
			own := make(map[string]any, len(meta))
			for name, value := range meta {
				if name != managedFieldsName {
					own[name] = value
				}
			}
			bare.Object[metadataName] = own
		}
		return bare.DeepCopy()
	}
	return unmanaged(obj).DeepCopyObject().(resource.Object)
}
