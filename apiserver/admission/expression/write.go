package expression

import (
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/matching"
)

// Write is a write as expressions see it, in the version of a target. It converts what is asked for, once.
type Write struct {
	attributes *admission.Attributes
	target     *matching.Target

	object, old, request func() any
}

// NewWrite shows a write in the version of the target. The attributes must not change while it is used.
func NewWrite(a *admission.Attributes, target *matching.Target) (*Write, error) {
	object, err := target.Show(a.Object)
	if err != nil {
		return nil, err
	}
	old, err := target.Show(a.Old)
	if err != nil {
		return nil, err
	}
	w := &Write{attributes: a, target: target}
	w.object = sync.OnceValue(func() any { return Content(object) })
	w.old = sync.OnceValue(func() any { return Content(old) })
	w.request = sync.OnceValue(w.describe)
	return w, nil
}

// Content of an object as expressions read it; nil of nil.
func Content(obj runtime.Object) any {
	if obj == nil {
		return nil
	}
	if custom, ok := obj.(runtime.Unstructured); ok {
		return custom.UnstructuredContent()
	}
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil
	}
	return content
}

// describe is the AdmissionRequest without the objects; like its JSON, it leaves out what is empty and may be left out.
func (w *Write) describe() any {
	a, requested := w.attributes, matching.Requested(w.attributes)
	kind := func(t *matching.Target) map[string]any {
		return map[string]any{"group": t.Kind.Group, "version": t.Kind.Version, "kind": t.Kind.Kind}
	}
	resource := func(t *matching.Target) map[string]any {
		return map[string]any{"group": t.Resource.Group, "version": t.Resource.Version, "resource": t.Resource.Resource}
	}
	r := map[string]any{
		"kind": kind(w.target), "resource": resource(w.target), "requestKind": kind(requested), "requestResource": resource(requested),
		"operation": string(a.Operation), "userInfo": w.user(), "dryRun": a.DryRun, "uid": "",
	}
	for key, value := range map[string]string{
		"subResource": a.Subresource, "requestSubResource": a.Subresource, "name": a.Name, "namespace": matching.NamespaceOf(a),
	} {
		if value != "" {
			r[key] = value
		}
	}
	if options := Content(a.Options); options != nil {
		r["options"] = options
	}
	return r
}

func (w *Write) user() map[string]any {
	u := w.attributes.User
	if u == nil {
		return map[string]any{}
	}
	out := map[string]any{}
	if u.GetName() != "" {
		out["username"] = u.GetName()
	}
	if u.GetUID() != "" {
		out["uid"] = u.GetUID()
	}
	if groups := u.GetGroups(); len(groups) > 0 {
		out["groups"] = slices.Clone(groups)
	}
	if extra := u.GetExtra(); len(extra) > 0 {
		all := map[string]any{}
		for key, values := range extra {
			all[key] = slices.Clone(values)
		}
		out["extra"] = all
	}
	return out
}

// resourceOf is what the request is about, for authorizer.requestResource.
type resourceOf struct{ a *admission.Attributes }

// GetName implements library.Resource.
func (r resourceOf) GetName() string { return r.a.Name }

// GetNamespace implements library.Resource.
func (r resourceOf) GetNamespace() string { return matching.NamespaceOf(r.a) }

// GetResource implements library.Resource.
func (r resourceOf) GetResource() schema.GroupVersionResource {
	return matching.Requested(r.a).Resource
}

// GetSubresource implements library.Resource.
func (r resourceOf) GetSubresource() string { return r.a.Subresource }
