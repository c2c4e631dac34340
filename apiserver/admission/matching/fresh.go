package matching

import (
	"reflect"

	"k8s.io/apimachinery/pkg/runtime"
)

// fresh returns an empty object of the type of like.
func fresh(like runtime.Object) runtime.Object {
	made, ok := reflect.New(reflect.TypeOf(like).Elem()).Interface().(runtime.Object)
	if !ok {
		return like
	}
	return made
}
