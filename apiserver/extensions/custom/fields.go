package custom

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
)

// lazyFields are the managers of a version's fields. Nearly all is decided by a plan that is made of the schema; for the rest there is a
// manager by structured-merge-diff for each subresource, made when it is first needed.
type lazyFields struct {
	of *Version

	once  sync.Once
	plans *fieldmanager.Managers

	mu       sync.Mutex
	types    managedfields.TypeConverter
	managers map[string]*managedfields.FieldManager
}

func (l *lazyFields) byPlan() *fieldmanager.Managers {
	l.once.Do(func() {
		l.plans = fieldmanager.NewCustom(fieldmanager.Custom{Form: l.form, Reset: l.of.resetPaths, Reference: byTrees{l.of}})
	})
	return l.plans
}

// form is the schema that a plan is made of; nil for definitions of old, whose fields are all open.
func (l *lazyFields) form() (*structural.Structural, error) {
	if l.of.schema.preserves() {
		return nil, nil
	}
	return l.of.schema.structure()
}

func (l *lazyFields) manager(subresource string) (*managedfields.FieldManager, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.managers[subresource]; m != nil {
		return m, nil
	}
	if l.types == nil {
		models, err := l.of.models()
		if err != nil {
			return nil, err
		}
		if l.types, err = managedfields.NewTypeConverter(models, l.of.schema.preserves()); err != nil {
			return nil, fmt.Errorf("making types of %s: %w", l.of.kind, err)
		}
	}
	made, err := managedfields.NewDefaultCRDFieldManager(l.types, l.of, l.of, l.of, l.of.kind, l.of.kind.GroupVersion(), subresource, l.of.resetFields(subresource))
	if err != nil {
		return nil, fmt.Errorf("making field manager of %s: %w", l.of.kind, err)
	}
	if l.managers == nil {
		l.managers = map[string]*managedfields.FieldManager{}
	}
	l.managers[subresource] = made
	return made, nil
}

// Types is how values of the version are merged.
func (v *Version) Types(*resource.Resource) (managedfields.TypeConverter, error) {
	if _, err := v.fields.manager(""); err != nil {
		return nil, err
	}
	return v.fields.types, nil
}

// resetFields are those that a write cannot change, and so does not come to own.
func (v *Version) resetFields(subresource string) map[fieldpath.APIVersion]fieldpath.Filter {
	set := fieldpath.NewSet()
	for _, path := range v.resetPaths(subresource) {
		set.Insert(fieldpath.MakePathOrDie(path[0]))
	}
	if set.Empty() {
		return nil
	}
	return map[fieldpath.APIVersion]fieldpath.Filter{fieldpath.APIVersion(v.kind.GroupVersion().String()): fieldpath.NewExcludeSetFilter(set)}
}

// resetPaths are the paths of those fields, each of one name.
func (v *Version) resetPaths(subresource string) [][]string {
	switch {
	case !v.hasStatus():
		return nil
	case subresource == statusField:
		return [][]string{{metadataField}, {"spec"}}
	}
	return [][]string{{statusField}}
}

// Update implements kinds.FieldManager.
func (v *Version) Update(row *resource.Resource, kind schema.GroupVersionKind, live, obj resource.Object, manager, subresource string) (resource.Object, error) {
	return v.fields.byPlan().Update(row, kind, live, obj, manager, subresource)
}

// Apply implements kinds.FieldManager.
func (v *Version) Apply(row *resource.Resource, kind schema.GroupVersionKind, live resource.Object, wanted fieldmanager.Configuration) (resource.Object, error) {
	merged, err := v.fields.byPlan().Apply(row, kind, live, wanted)
	if err != nil {
		return nil, err
	}
	v.setDefaults(merged)
	return merged, nil
}

// byTrees manages the fields of a version by structured-merge-diff.
type byTrees struct{ *Version }

// Update implements fieldmanager.Reference.
func (v byTrees) Update(_ *resource.Resource, _ schema.GroupVersionKind, live, obj resource.Object, manager, subresource string) (resource.Object, error) {
	m, err := v.fields.manager(subresource)
	if err != nil {
		return nil, err
	}
	managed, err := m.Update(live.DeepCopyObject(), obj, manager)
	if err != nil {
		return nil, err
	}
	if subresource == "scale" {
		untimed(managed.(*unstructured.Unstructured))
	}
	return asObject(managed)
}

// untimed drops the time of what was scaled, which upstream does not keep, and puts that first among its like.
func untimed(obj *unstructured.Unstructured) {
	owned := obj.GetManagedFields()
	for i := range owned {
		if owned[i].Subresource == "scale" {
			owned[i].Time = nil
		}
	}
	slices.SortStableFunc(owned, func(a, b metav1.ManagedFieldsEntry) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), cmp.Compare(rank(a), rank(b)))
	})
	obj.SetManagedFields(owned)
}

func rank(e metav1.ManagedFieldsEntry) int {
	if e.Time == nil {
		return 0
	}
	return 1
}

// Apply implements fieldmanager.Reference.
func (v byTrees) Apply(_ *resource.Resource, _ schema.GroupVersionKind, live resource.Object, wanted fieldmanager.Configuration) (resource.Object, error) {
	m, err := v.fields.manager(wanted.Subresource)
	if err != nil {
		return nil, err
	}
	return fieldmanager.Merge(m, live, wanted)
}

func asObject(obj runtime.Object) (resource.Object, error) {
	object, ok := obj.(resource.Object)
	if !ok {
		return nil, fmt.Errorf("field manager returned a %T", obj)
	}
	return object, nil
}

// The rest makes a version what the library asks conversions, defaults and new objects of.

var errNoConversion = errors.New("no such conversion")

// New implements runtime.ObjectCreater.
func (v *Version) New(kind schema.GroupVersionKind) (runtime.Object, error) {
	obj := &unstructured.Unstructured{}
	obj.SetGroupVersionKind(kind)
	return obj, nil
}

// Default implements runtime.ObjectDefaulter.
func (v *Version) Default(in runtime.Object) {
	u, ok := in.(*unstructured.Unstructured)
	if !ok {
		return
	}
	if version := v.of.versions[u.GroupVersionKind().Version]; version != nil {
		version.setDefaults(u)
	}
}

// Convert implements runtime.ObjectConvertor.
func (v *Version) Convert(_, _, _ any) error { return errNoConversion }

// ConvertFieldLabel implements runtime.ObjectConvertor.
func (v *Version) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}

// ConvertToVersion implements runtime.ObjectConvertor.
func (v *Version) ConvertToVersion(in runtime.Object, to runtime.GroupVersioner) (runtime.Object, error) {
	u, ok := in.(*unstructured.Unstructured)
	if !ok {
		return nil, fmt.Errorf("converting %T: %w", in, errNoConversion)
	}
	var all []schema.GroupVersionKind
	for _, version := range v.of.versions {
		all = append(all, version.kind)
	}
	want, ok := to.KindForGroupVersionKinds(all)
	if !ok || v.of.versions[want.Version] == nil {
		return nil, runtime.NewNotRegisteredErrForTarget("custom", nil, to)
	}
	if want.Version == u.GroupVersionKind().Version {
		return in, nil
	}
	// What the other version does not know stays: it must not be lost on the way back, and is an error as it is in upstream's.
	converted, err := v.of.converter.Convert(context.Background(), []*unstructured.Unstructured{u}, want.GroupVersion())
	if err != nil {
		return nil, err
	}
	return converted[0], nil
}
