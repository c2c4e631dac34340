package policy

import (
	"errors"
	"fmt"

	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
	"sigs.k8s.io/structured-merge-diff/v6/schema"
	"sigs.k8s.io/structured-merge-diff/v6/typed"
	"sigs.k8s.io/structured-merge-diff/v6/value"
)

// noAtomic refuses an applied configuration that names lists, maps or structs which can only be replaced as a whole: it would
// drop what it does not know of.
func noAtomic(v *typed.TypedValue) error {
	return atomicIn(nil, v.AsValue(), v.Schema(), v.TypeRef())
}

func atomicIn(path fieldpath.Path, v value.Value, types *schema.Schema, ref schema.TypeRef) error {
	atom, found := types.Resolve(ref)
	if !found || v == nil || v.IsNull() {
		return nil
	}
	switch {
	case atom.Map != nil && v.IsMap():
		return inMap(path, v, types, atom.Map)
	case atom.List != nil && v.IsList():
		return inList(path, v, types, atom.List)
	}
	return nil
}

func inMap(path fieldpath.Path, v value.Value, types *schema.Schema, of *schema.Map) error {
	if of.ElementRelationship == schema.Atomic {
		return fmt.Errorf("may not mutate atomic arrays, maps or structs: %v", path)
	}
	var failures []error
	v.AsMap().Iterate(func(name string, inner value.Value) bool {
		ref := of.ElementType
		if field, ok := of.FindField(name); ok {
			ref = field.Type
		}
		failures = append(failures, atomicIn(append(path, fieldpath.PathElement{FieldName: &name}), inner, types, ref))
		return true
	})
	return errors.Join(failures...)
}

func inList(path fieldpath.Path, v value.Value, types *schema.Schema, of *schema.List) error {
	if of.ElementRelationship == schema.Atomic {
		return fmt.Errorf("may not mutate atomic arrays, maps or structs: %v", path)
	}
	if len(of.Keys) == 0 {
		return nil
	}
	var failures []error
	items := v.AsList()
	for i := range items.Length() {
		failures = append(failures, atomicIn(append(path, fieldpath.PathElement{Index: &i}), items.At(i), types, of.ElementType))
	}
	return errors.Join(failures...)
}
