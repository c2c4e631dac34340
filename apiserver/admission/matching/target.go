package matching

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Target is a write as a webhook or a policy sees it: the resource and the kind that its rules named.
type Target struct {
	Resource schema.GroupVersionResource
	Kind     schema.GroupVersionKind
	// version and stored convert; version is nil where the body is a subresource's own, which has but one form.
	version *resource.Version
	stored  schema.GroupVersionKind
	// form and own convert custom resources: to the version of the target, and back to that of the client.
	form, own *admission.Form
}

// NamespaceOf a write as webhooks and policies see it: that of a namespace is its own name.
func NamespaceOf(a *admission.Attributes) string {
	if a.Namespace == "" && isNamespace(a) {
		return a.Name
	}
	return a.Namespace
}

// Requested is the resource that the client named.
func Requested(a *admission.Attributes) *Target { return requested(a) }

func requested(a *admission.Attributes) *Target {
	t := targetOf(a, a.Resource, a.Version)
	if a.Forms != nil && t.version != nil {
		t.form = formOf(a.Forms(), a.Version)
		t.own = t.form
	}
	return t
}

func formOf(forms []admission.Form, version string) *admission.Form {
	for i := range forms {
		if forms[i].Row.Version(version) != nil {
			return &forms[i]
		}
	}
	return nil
}

func targetOf(a *admission.Attributes, row *resource.Resource, version string) *Target {
	t := &Target{
		Resource: schema.GroupVersionResource{Group: row.Group, Version: version, Resource: row.Name},
		Kind:     row.GroupVersionKind(version), stored: storedKind(row), version: row.Version(version),
	}
	if a.Kind.GroupKind() != a.Resource.GroupVersionKind(a.Version).GroupKind() && !a.Kind.Empty() {
		t.Kind, t.version = a.Kind, nil
	}
	return t
}

func storedKind(row *resource.Resource) schema.GroupVersionKind {
	if row.StoredIn != nil {
		row = row.StoredIn
	}
	storage := row.Storage()
	if storage == nil {
		return schema.GroupVersionKind{}
	}
	return row.GroupVersionKind(storage.Name)
}

// equivalents are the other resources by which the same object can be written: other versions, and rows that share the storage.
func (m *Matcher) equivalents(a *admission.Attributes) []*Target {
	var out []*Target
	if a.Forms != nil {
		forms := a.Forms()
		for i := range forms {
			if form := &forms[i]; form.Row.Version(a.Version) == nil {
				t := targetOf(a, form.Row, form.Row.Versions[0].Name)
				if t.version != nil {
					t.form, t.own = form, formOf(forms, a.Version)
				}
				out = append(out, t)
			}
		}
		return out
	}
	for _, row := range m.sharing(a.Resource) {
		for i := range row.Versions {
			if row == a.Resource && row.Versions[i].Name == a.Version {
				continue
			}
			out = append(out, targetOf(a, row, row.Versions[i].Name))
		}
	}
	return out
}

func (m *Matcher) sharing(row *resource.Resource) []*resource.Resource {
	if row.StoragePrefix == "" {
		return []*resource.Resource{row}
	}
	all := []*resource.Resource{row}
	for _, other := range m.Rows {
		if other != row && other.StoragePrefix == row.StoragePrefix {
			all = append(all, other)
		}
	}
	return all
}

// Show returns obj, which is as it is stored, in the version of the target, with its kind set. The result may share memory with
// obj and must not be changed; of nil it is nil.
func (t *Target) Show(obj runtime.Object) (runtime.Object, error) {
	if obj == nil {
		return nil, nil
	}
	if custom, ok := obj.(resource.Object); ok && t.form != nil {
		return t.form.Show(custom)
	}
	if t.version != nil && t.version.FromStorage != nil {
		if stored, ok := obj.(resource.Object); ok {
			converted, err := t.version.FromStorage(stored)
			if err != nil {
				return nil, fmt.Errorf("converting to %s: %w", t.Kind, err)
			}
			obj = converted
		}
	}
	if obj.GetObjectKind().GroupVersionKind() != t.Kind {
		obj = obj.DeepCopyObject()
		obj.GetObjectKind().SetGroupVersionKind(t.Kind)
	}
	return obj, nil
}

// Read makes an object in the version of the target, with defaults, out of JSON. like is an object of its type.
func (t *Target) Read(data []byte, like runtime.Object) (runtime.Object, error) {
	obj := t.empty(like)
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, obj); err != nil {
		return nil, err
	}
	return t.accept(obj)
}

// ReadStrictly is Read that refuses what the type does not have.
func (t *Target) ReadStrictly(data []byte, like runtime.Object) (runtime.Object, error) {
	obj := t.empty(like)
	faults, err := kjson.UnmarshalStrict(data, obj)
	if err != nil {
		return nil, err
	}
	if len(faults) > 0 {
		return nil, runtime.NewStrictDecodingError(faults)
	}
	return t.accept(obj)
}

func (t *Target) empty(like runtime.Object) runtime.Object {
	if t.version != nil {
		return t.version.New()
	}
	return fresh(like)
}

func (t *Target) accept(obj runtime.Object) (runtime.Object, error) {
	if custom, ok := obj.(resource.Object); ok && t.form != nil {
		if err := t.form.Accept(custom); err != nil {
			return nil, err
		}
	}
	if read, ok := obj.(resource.Object); ok && t.version != nil && t.version.Default != nil {
		t.version.Default(read)
	}
	return obj, nil
}

// Store turns an object in the version of the target into what is stored.
func (t *Target) Store(obj runtime.Object) (runtime.Object, error) {
	shown, ok := obj.(resource.Object)
	if !ok || t.version == nil {
		return obj, nil
	}
	if t.form != nil {
		return t.own.Show(shown)
	}
	if t.version.ToStorage != nil {
		converted, err := t.version.ToStorage(shown)
		if err != nil {
			return nil, fmt.Errorf("converting from %s: %w", t.Kind, err)
		}
		shown = converted
	}
	shown.GetObjectKind().SetGroupVersionKind(t.stored)
	return shown, nil
}
