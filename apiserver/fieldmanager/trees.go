package fieldmanager

import (
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
)

// trees makes trees of objects without who manages them: nobody owns that, it is set in the end, and as a tree it is larger than
// all of a small object.
type trees struct{ managedfields.TypeConverter }

// ObjectToTyped implements managedfields.TypeConverter.
func (t trees) ObjectToTyped(obj runtime.Object, options ...typed.ValidationOptions) (*typed.TypedValue, error) {
	return t.TypeConverter.ObjectToTyped(unmanaged(obj), options...)
}

// unmanaged is a shallow copy of an object of a Go type, without managedFields.
func unmanaged(obj runtime.Object) runtime.Object {
	of, ok := obj.(metav1.Object)
	if !ok || of.GetManagedFields() == nil || reflect.Indirect(reflect.ValueOf(obj)).Kind() != reflect.Struct {
		return obj
	}
	if _, untyped := obj.(runtime.Unstructured); untyped {
		return obj
	}
	copied := reflect.New(reflect.TypeOf(obj).Elem())
	copied.Elem().Set(reflect.ValueOf(obj).Elem())
	bare, ok := copied.Interface().(interface {
		runtime.Object
		metav1.Object
	})
	if !ok {
		return obj
	}
	bare.SetManagedFields(nil)
	return bare
}
