package resource

import (
	"context"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The functions of this file turn functions over one Go type into the functions over Object that a
// Resource holds, so that a row reads `Validate: resource.Check(validateConfigMap)`.

// New makes an empty object: `New: resource.New[corev1.Pod]`.
func New[T any, P interface {
	*T
	Object
}]() Object {
	return P(new(T))
}

// NewList makes an empty list, or the body of an action: `NewList: resource.NewList[corev1.PodList]`.
func NewList[T any, P interface {
	*T
	runtime.Object
}]() runtime.Object {
	return P(new(T))
}

// Defaulter adapts a defaulting or canonicalizing function.
func Defaulter[T Object](f func(T)) func(Object) {
	return func(obj Object) { f(obj.(T)) }
}

// OnCreate adapts a PrepareCreate.
func OnCreate[T Object](f func(T)) func(context.Context, Object) {
	return func(_ context.Context, obj Object) { f(obj.(T)) }
}

// OnUpdate adapts a PrepareUpdate; its arguments are the new and the old object.
func OnUpdate[T Object](f func(obj, old T)) func(context.Context, Object, Object) {
	return func(_ context.Context, obj, old Object) { f(obj.(T), old.(T)) }
}

// Check adapts a Validate.
func Check[T Object](f func(T) field.ErrorList) func(context.Context, Object) field.ErrorList {
	return func(_ context.Context, obj Object) field.ErrorList { return f(obj.(T)) }
}

// CheckUpdate adapts a ValidateUpdate; its arguments are the new and the old object.
func CheckUpdate[T Object](f func(obj, old T) field.ErrorList) func(context.Context, Object, Object) field.ErrorList {
	return func(_ context.Context, obj, old Object) field.ErrorList { return f(obj.(T), old.(T)) }
}

// Warn adapts a Warnings; old is the zero value of T on create.
func Warn[T Object](f func(obj, old T) []string) func(context.Context, Object, Object) []string {
	return func(_ context.Context, obj, old Object) []string {
		previous, _ := old.(T)
		return f(obj.(T), previous)
	}
}

// Row adapts a Cells.
func Row[T Object](f func(obj T, now time.Time) []any) func(Object, time.Time) []any {
	return func(obj Object, now time.Time) []any { return f(obj.(T), now) }
}

// RowConditions adapts a RowConditions.
func RowConditions[T Object](f func(obj T) []metav1.TableRowCondition) func(Object) []metav1.TableRowCondition {
	return func(obj Object) []metav1.TableRowCondition { return f(obj.(T)) }
}

// Select adapts a Fields.
func Select[T Object](f func(obj T) fields.Set) func(Object) fields.Set {
	return func(obj Object) fields.Set { return f(obj.(T)) }
}

// Convert adapts a ToStorage or FromStorage.
func Convert[From, To Object](f func(From) (To, error)) func(Object) (Object, error) {
	return func(obj Object) (Object, error) { return f(obj.(From)) }
}
