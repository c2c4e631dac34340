package resource

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ScaleOf is the scale subresource of a kind whose functions are given typed.
func ScaleOf[T Object](replicas func(T) (spec, status int32), set func(T, int32), selector func(T) string) Subresource {
	return Subresource{
		Name:             "scale",
		GroupVersionKind: schema.GroupVersionKind{Group: "autoscaling", Version: "v1", Kind: "Scale"},
		Scale: &Scale{
			Replicas:       func(obj Object) (int32, int32) { return replicas(obj.(T)) },
			SetReplicas:    func(obj Object, n int32) { set(obj.(T), n) },
			StatusSelector: func(obj Object) string { return selector(obj.(T)) },
		},
	}
}

// View is a subresource that reads and writes the object itself; prepare carries over from old all
// that the view may not change.
func View[T Object](name string, prepare func(obj, old T)) Subresource {
	return Subresource{
		Name: name,
		PrepareUpdate: func(_ context.Context, obj, old Object) {
			obj.SetGeneration(old.GetGeneration())
			prepare(obj.(T), old.(T))
		},
	}
}

// Checked is the view with a check of what it writes.
func (s Subresource) Checked(check func(ctx context.Context, obj, old Object) field.ErrorList) Subresource {
	s.ValidateUpdate = check
	return s
}

// Action is a subresource that the API server has a handler for. body makes what a client sends (nil when the
// body is free, as for proxy) and kind names it, with an empty group and version where they are the resource's own.
func Action(name string, kind schema.GroupVersionKind, body func() runtime.Object, verbs ...string) Subresource {
	return Subresource{Name: name, GroupVersionKind: kind, New: body, Verbs: verbs, Action: true}
}

// Proxy is the action that forwards any HTTP request.
func Proxy(optionsKind string) Subresource {
	return Action("proxy", CoreKind(optionsKind), nil, "create", "delete", "get", "patch", "update")
}

// CoreKind names a kind of the core group.
func CoreKind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Version: "v1", Kind: kind}
}
