package fieldmanager

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Generic manages the fields of every typed kind by way of untyped trees.
type Generic struct {
	Scheme *runtime.Scheme

	mu       sync.Mutex
	types    map[schema.GroupResource]managedfields.TypeConverter
	managers map[key]*managedfields.FieldManager
}

type key struct {
	kind        schema.GroupVersionKind
	subresource string
}

// Update returns obj with the fields that differ from live owned by the manager.
func (g *Generic) Update(row *resource.Resource, kind schema.GroupVersionKind, live, obj resource.Object, manager, subresource string) (resource.Object, error) {
	m, err := g.manager(row, key{kind: kind, subresource: subresource})
	if err != nil {
		return nil, err
	}
	managed, err := m.Update(live.DeepCopyObject(), obj, manager)
	if err != nil {
		return nil, err
	}
	return asObject(managed)
}

// Configuration is what a manager wants an object to look like.
type Configuration struct {
	Data    []byte  // JSON or YAML
	Parsed  *Parsed // the same where it has been read, or nil
	Manager string
	// Force takes fields from other managers. Without it that is a conflict.
	Force       bool
	Subresource string
}

// Apply returns live with the configuration merged into it.
func (g *Generic) Apply(row *resource.Resource, kind schema.GroupVersionKind, live resource.Object, wanted Configuration) (resource.Object, error) {
	configuration, err := readApplied(wanted)
	if err != nil {
		return nil, err
	}
	m, err := g.manager(row, key{kind: kind, subresource: wanted.Subresource})
	if err != nil {
		return nil, err
	}
	return mergeInto(m, live.DeepCopyObject(), configuration, wanted)
}

// Merge returns live with the configuration merged into it by a field manager.
func Merge(m *managedfields.FieldManager, live resource.Object, wanted Configuration) (resource.Object, error) {
	configuration, err := readApplied(wanted)
	if err != nil {
		return nil, err
	}
	// What comes out shares what it is made of: atomic lists and maps of objects without a Go type.
	return mergeInto(m, live.DeepCopyObject(), configuration.DeepCopy(), wanted)
}

// readApplied reads a configuration, which may not say who manages it.
func readApplied(wanted Configuration) (*unstructured.Unstructured, error) {
	if wanted.Parsed == nil {
		wanted.Parsed = Parse(wanted.Data)
	}
	if wanted.Parsed.err != nil {
		return nil, wanted.Parsed.err
	}
	applied := &unstructured.Unstructured{Object: wanted.Parsed.object}
	if len(applied.GetManagedFields()) > 0 {
		return nil, apierrors.NewBadRequest("metadata.managedFields must be nil")
	}
	return applied, nil
}

// mergeInto changes live.
func mergeInto(m *managedfields.FieldManager, live runtime.Object, configuration *unstructured.Unstructured, wanted Configuration) (resource.Object, error) {
	merged, err := m.Apply(live, configuration, wanted.Manager, wanted.Force)
	if err != nil {
		return nil, statusOf(err)
	}
	return asObject(merged)
}

// statusOf is the answer to a configuration that could not be merged. Upstream gives no reason for those that do not fit the schema.
func statusOf(err error) error {
	if apierrors.ReasonForError(err) != metav1.StatusReasonUnknown {
		return err
	}
	return &apierrors.StatusError{ErrStatus: metav1.Status{Status: metav1.StatusFailure, Code: http.StatusInternalServerError, Message: err.Error()}}
}

func asObject(obj runtime.Object) (resource.Object, error) {
	typed, ok := obj.(resource.Object)
	if !ok {
		return nil, fmt.Errorf("field manager returned a %T", obj)
	}
	return typed, nil
}

func (g *Generic) manager(row *resource.Resource, id key) (*managedfields.FieldManager, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if m := g.managers[id]; m != nil {
		return m, nil
	}
	types, err := g.typesOf(row)
	if err != nil {
		return nil, err
	}
	kind, versions := id.kind, &versions{row: row, scheme: g.Scheme}
	// What comes out is of the version that goes in.
	m, err := managedfields.NewDefaultFieldManager(types, versions, versions, g.Scheme, kind, kind.GroupVersion(), id.subresource, resetFields(row, kind, id.subresource))
	if err != nil {
		return nil, fmt.Errorf("making field manager of %s: %w", kind, err)
	}
	if g.managers == nil {
		g.managers = map[key]*managedfields.FieldManager{}
	}
	g.managers[id] = m
	return m, nil
}

// resetFields are those that a write cannot change, and so does not come to own.
func resetFields(row *resource.Resource, kind schema.GroupVersionKind, subresource string) map[fieldpath.APIVersion]fieldpath.Filter {
	paths := resetPaths(row, subresource)
	if len(paths) == 0 {
		return nil
	}
	set := fieldpath.NewSet()
	for _, path := range paths {
		var elements []any
		for _, part := range path {
			elements = append(elements, part)
		}
		set.Insert(fieldpath.MakePathOrDie(elements...))
	}
	return map[fieldpath.APIVersion]fieldpath.Filter{fieldpath.APIVersion(kind.GroupVersion().String()): fieldpath.NewExcludeSetFilter(set)}
}

// resetPaths are the paths of those fields.
func resetPaths(row *resource.Resource, subresource string) [][]string {
	if subresource == "" {
		return row.ResetFields
	}
	if sub := row.Subresource(subresource); sub != nil {
		return sub.ResetFields
	}
	return nil
}

// versions converts and defaults the objects of one row.
type versions struct {
	row    *resource.Resource
	scheme *runtime.Scheme
}

var errVersion = errors.New("no such version")

// Default implements runtime.ObjectDefaulter.
func (v *versions) Default(in runtime.Object) {
	obj, ok := in.(resource.Object)
	if _, untyped := in.(runtime.Unstructured); !ok || untyped {
		return
	}
	if version := v.row.Version(obj.GetObjectKind().GroupVersionKind().Version); version != nil && version.Default != nil {
		version.Default(obj)
	}
}

// Convert implements runtime.ObjectConvertor.
func (v *versions) Convert(in, out, context any) error { return v.scheme.Convert(in, out, context) }

// ConvertFieldLabel implements runtime.ObjectConvertor.
func (v *versions) ConvertFieldLabel(_ schema.GroupVersionKind, label, value string) (string, string, error) {
	return label, value, nil
}

// ConvertToVersion implements runtime.ObjectConvertor.
func (v *versions) ConvertToVersion(in runtime.Object, to runtime.GroupVersioner) (runtime.Object, error) {
	obj, err := v.typed(in)
	if err != nil {
		return nil, err
	}
	from := obj.GetObjectKind().GroupVersionKind()
	if from.Empty() {
		if kinds, _, err := v.scheme.ObjectKinds(in); err == nil {
			from = kinds[0]
			obj.GetObjectKind().SetGroupVersionKind(from)
		}
	}
	var all []schema.GroupVersionKind
	for i := range v.row.Versions {
		all = append(all, v.row.GroupVersionKind(v.row.Versions[i].Name))
	}
	want, ok := to.KindForGroupVersionKinds(all)
	if !ok || !slices.Contains(all, want) {
		return nil, runtime.NewNotRegisteredErrForTarget("apis", nil, to)
	}
	if want == from {
		return obj, nil
	}
	return v.convert(obj, v.row.Version(from.Version), v.row.Version(want.Version), want)
}

// typed makes a typed object of an untyped one.
func (v *versions) typed(in runtime.Object) (resource.Object, error) {
	untyped, ok := in.(runtime.Unstructured)
	if !ok {
		return asObject(in)
	}
	kind := in.GetObjectKind().GroupVersionKind()
	version := v.row.Version(kind.Version)
	if version == nil {
		return nil, fmt.Errorf("unable to convert unstructured object to %s: %w", kind, errVersion)
	}
	obj := version.New()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(untyped.UnstructuredContent(), obj); err != nil {
		return nil, fmt.Errorf("unable to convert unstructured object to %s: %w", kind, err)
	}
	obj.GetObjectKind().SetGroupVersionKind(kind)
	return obj, nil
}

func (v *versions) convert(obj resource.Object, from, to *resource.Version, want schema.GroupVersionKind) (runtime.Object, error) {
	if from == nil || to == nil {
		return nil, fmt.Errorf("converting to %s: %w", want, errVersion)
	}
	var err error
	if from.ToStorage != nil {
		if obj, err = from.ToStorage(obj); err != nil {
			return nil, fmt.Errorf("converting to storage: %w", err)
		}
	}
	if to.FromStorage != nil {
		if obj, err = to.FromStorage(obj); err != nil {
			return nil, fmt.Errorf("converting to %s: %w", want, err)
		}
	}
	obj.GetObjectKind().SetGroupVersionKind(want)
	return obj, nil
}
