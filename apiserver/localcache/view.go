package localcache

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	watchcache "github.com/coxswain-k8s/coxswain/apiserver/storage/cache"
)

// nodeNameField is the field that the watch cache routes pods by.
const nodeNameField = "spec.nodeName"

// view is one kind in the watch cache, and which of its objects are seen how.
type view struct {
	held    *watchcache.Resource
	row     *resource.Resource
	partial bool
	labels  labels.Selector
	fields  fields.Selector
}

// showsAll says whether no object of the kind is hidden.
func (v *view) showsAll() bool {
	return (v.labels == nil || v.labels.Empty()) && (v.fields == nil || v.fields.Empty())
}

// watchOptions are those of a watch for what comes after a revision.
func (v *view) watchOptions(after int64) watchcache.WatchOptions {
	o := watchcache.WatchOptions{After: after}
	if !v.showsAll() {
		o.Match = v.matches
	}
	if v.fields != nil && v.row.Name == "pods" {
		o.Route, _ = v.fields.RequiresExactMatch(nodeNameField)
	}
	return o
}

func (v *view) matches(obj runtime.Object) bool {
	object := obj.(resource.Object)
	if v.labels != nil && !v.labels.Matches(labels.Set(object.GetLabels())) {
		return false
	}
	if v.fields == nil || v.fields.Empty() {
		return true
	}
	set := fields.Set{}
	if v.row.Fields != nil {
		for name, value := range v.row.Fields(object) {
			set[name] = value
		}
	}
	set["metadata.name"], set["metadata.namespace"] = object.GetName(), object.GetNamespace()
	return v.fields.Matches(set)
}

// shown is the object itself, or its metadata, which shares its memory.
func (v *view) shown(obj runtime.Object) runtime.Object {
	if !v.partial {
		return obj
	}
	shown := &metav1.PartialObjectMetadata{}
	if accessor, err := meta.Accessor(obj); err == nil {
		if typed, ok := accessor.(*metav1.ObjectMeta); ok {
			shown.ObjectMeta = *typed
		} else if holder, ok := obj.(metav1.ObjectMetaAccessor); ok {
			if typed, ok := holder.GetObjectMeta().(*metav1.ObjectMeta); ok {
				shown.ObjectMeta = *typed
			}
		}
	}
	shown.SetGroupVersionKind(v.row.GroupVersionKind(v.row.Storage().Name))
	return shown
}
