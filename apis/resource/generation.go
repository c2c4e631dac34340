package resource

import (
	"context"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// WithStatus completes the row of a kind that has a spec and a status, each written on its own path:
//   - create drops the status and sets metadata.generation to 1;
//   - an update of the main resource keeps the old status, and counts metadata.generation up when the spec changed;
//   - an update of the status subresource, which it adds, keeps the old spec (and labels, see KeepMeta).
//
// Hooks that the row already has run after these.
func WithStatus[T Object, S, U any](r *Resource, parts func(T) (*S, *U), options ...StatusOption) *Resource {
	var o statusOptions
	for _, option := range options {
		option(&o)
	}
	create, update := r.PrepareCreate, r.PrepareUpdate
	r.PrepareCreate = func(ctx context.Context, obj Object) {
		if !o.keepOnCreate {
			_, status := parts(obj.(T))
			*status = *new(U)
		}
		if !o.noGeneration {
			obj.SetGeneration(1)
		}
		if create != nil {
			create(ctx, obj)
		}
	}
	r.PrepareUpdate = func(ctx context.Context, obj, old Object) {
		spec, status := parts(obj.(T))
		oldSpec, oldStatus := parts(old.(T))
		*status = *oldStatus
		if update != nil {
			update(ctx, obj, old)
		}
		if !o.noGeneration {
			BumpGeneration(obj, old, spec, oldSpec)
		}
	}
	r.ResetFields = append(r.ResetFields, []string{"status"})
	r.Subresources = append([]Subresource{{
		Name:           "status",
		ResetFields:    append([][]string{{"spec"}}, metaPaths(o.keep)...),
		ValidateUpdate: o.validate,
		PrepareUpdate: func(ctx context.Context, obj, old Object) {
			spec, _ := parts(obj.(T))
			oldSpec, _ := parts(old.(T))
			*spec = *oldSpec
			obj.SetGeneration(old.GetGeneration())
			keepMeta(obj, old, o.keep)
			if o.prepare != nil {
				o.prepare(ctx, obj, old)
			}
		},
	}}, r.Subresources...)
	return r
}

// WithGeneration completes the row of a kind whose generation counts the changes of what content
// returns, and which has no status: create sets it to 1, an update that changes the content counts it up.
func WithGeneration[T Object](r *Resource, content func(T) any) *Resource {
	create, update := r.PrepareCreate, r.PrepareUpdate
	r.PrepareCreate = func(ctx context.Context, obj Object) {
		obj.SetGeneration(1)
		if create != nil {
			create(ctx, obj)
		}
	}
	r.PrepareUpdate = func(ctx context.Context, obj, old Object) {
		if update != nil {
			update(ctx, obj, old)
		}
		BumpGeneration(obj, old, content(obj.(T)), content(old.(T)))
	}
	return r
}

// BumpGeneration takes the generation from old, and counts it up when the content changed.
func BumpGeneration(obj, old Object, content, oldContent any) {
	obj.SetGeneration(old.GetGeneration())
	if !sameContent(content, oldContent) && !equality.Semantic.DeepEqual(content, oldContent) {
		obj.SetGeneration(old.GetGeneration() + 1)
	}
}

func sameContent(a, b any) bool {
	left, ok := a.(Message)
	right, too := b.(Message)
	return ok && too && SameBytes(left, right)
}

// StatusOption refines WithStatus.
type StatusOption func(*statusOptions)

type statusOptions struct {
	noGeneration bool
	keepOnCreate bool
	keep         []MetaPart
	prepare      func(ctx context.Context, obj, old Object)
	validate     func(ctx context.Context, obj, old Object) field.ErrorList
}

// NoGeneration leaves metadata.generation alone.
func NoGeneration() StatusOption {
	return func(o *statusOptions) { o.noGeneration = true }
}

// KeepStatusOnCreate lets a client create an object with its status (nodes).
func KeepStatusOnCreate() StatusOption {
	return func(o *statusOptions) { o.keepOnCreate = true }
}

// KeepMeta names the parts of the metadata that an update of the status may not change.
func KeepMeta(parts ...MetaPart) StatusOption {
	return func(o *statusOptions) { o.keep = parts }
}

// PrepareStatus runs after the old spec is back in place on an update of the status.
func PrepareStatus[T Object](f func(obj, old T)) StatusOption {
	return func(o *statusOptions) { o.prepare = OnUpdate(f) }
}

// CheckStatus validates an update of the status.
func CheckStatus[T Object](f func(obj, old T) field.ErrorList) StatusOption {
	return func(o *statusOptions) { o.validate = CheckUpdate(f) }
}

// MetaPart is a part of the metadata.
type MetaPart int

// The parts that KeepMeta can name. AllMeta is everything that a client may write.
const (
	Labels MetaPart = iota
	Annotations
	Finalizers
	OwnerReferences
	DeletionTimestamp
	AllMeta
)

var metaNames = map[MetaPart]string{
	Labels:            "labels",
	Annotations:       "annotations",
	Finalizers:        "finalizers",
	OwnerReferences:   "ownerReferences",
	DeletionTimestamp: "deletionTimestamp",
}

func metaPaths(parts []MetaPart) [][]string {
	var paths [][]string
	for part := Labels; part < AllMeta; part++ {
		if slices.Contains(parts, part) || slices.Contains(parts, AllMeta) {
			paths = append(paths, []string{"metadata", metaNames[part]})
		}
	}
	return paths
}

// RestoreMeta takes the named parts of the metadata back from old.
func RestoreMeta(obj, old Object, parts ...MetaPart) {
	keepMeta(obj, old, parts)
}

func keepMeta(obj, old Object, parts []MetaPart) {
	for _, part := range parts {
		all := part == AllMeta
		if all || part == Labels {
			obj.SetLabels(old.GetLabels())
		}
		if all || part == Annotations {
			obj.SetAnnotations(old.GetAnnotations())
		}
		if all || part == Finalizers {
			obj.SetFinalizers(old.GetFinalizers())
		}
		if all || part == OwnerReferences {
			obj.SetOwnerReferences(old.GetOwnerReferences())
		}
		if all || part == DeletionTimestamp {
			obj.SetDeletionTimestamp(old.GetDeletionTimestamp())
		}
	}
}
