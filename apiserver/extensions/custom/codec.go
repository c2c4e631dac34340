package custom

import (
	"context"
	"fmt"
	"slices"

	structural "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/objectmeta"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	kjson "sigs.k8s.io/json"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

func (v *Version) new() resource.Object {
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	obj.SetGroupVersionKind(v.kind)
	return obj
}

// Accept drops what the schema does not have from a decoded body, and returns that.
func (v *Version) Accept(obj resource.Object) ([]error, error) {
	u := obj.(*unstructured.Unstructured)
	as := v.of.versions[u.GroupVersionKind().Version]
	if as == nil {
		as = &Version{of: v.of, index: -1} // knows no field
		as.schema.of = as
	}
	unknown, err := as.coerce(u, false)
	if err != nil {
		return nil, apierrors.NewBadRequest(fmt.Sprintf("%s in version %q cannot be handled as a %s: %v", v.kind.Kind, v.kind.Version, v.kind.Kind, err))
	}
	faults := make([]error, 0, len(unknown))
	for _, field := range unknown {
		faults = append(faults, fmt.Errorf("unknown field %q", field))
	}
	return faults, nil
}

// coerce makes the metadata that of an object and drops unknown fields, whose paths it returns. Fields of the metadata that
// have a wrong type are an error, or dropped as well.
func (v *Version) coerce(u *unstructured.Unstructured, drop bool) ([]string, error) {
	form, err := v.schema.structure()
	if err != nil {
		return nil, err
	}
	meta, found, unknown, err := objectmeta.GetObjectMetaWithOptions(u.Object, objectmeta.ObjectMetaOptions{DropMalformedFields: drop, ReturnUnknownFieldPaths: !drop})
	if err != nil {
		return nil, err
	}
	if !v.schema.preserves() {
		failed, embedded := objectmeta.CoerceWithOptions(nil, u.Object, form, false, objectmeta.CoerceOptions{DropInvalidFields: drop, ReturnUnknownFieldPaths: !drop})
		if failed != nil {
			return nil, failed
		}
		pruned := pruning.PruneWithOptions(u.Object, form, true, structural.UnknownFieldPathOptions{TrackUnknownFieldPaths: !drop})
		slices.Sort(pruned)
		slices.Sort(embedded)
		unknown = slices.Concat(unknown, pruned, embedded)
		defaulting.PruneNonNullableNullsWithoutDefaults(u.Object, form)
	}
	if found {
		if drop && meta.Generation == 0 {
			meta.Generation = 1 // stored before there were generations
		}
		if err := objectmeta.SetObjectMeta(u.Object, meta); err != nil {
			return nil, err
		}
	}
	return unknown, nil
}

// setDefaults fills in what the schema says.
func (v *Version) setDefaults(obj resource.Object) {
	if form, err := v.schema.structure(); err == nil && form != nil && !v.schema.preserves() {
		defaulting.Default(obj.(*unstructured.Unstructured).Object, form)
	}
}

// Decode reads a stored value. The object stays in the version in which it is stored, by whose schema it is pruned and defaulted.
func (v *Version) Decode(value []byte) (resource.Object, error) {
	u := &unstructured.Unstructured{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(value, &u.Object); err != nil {
		return nil, fmt.Errorf("decoding stored JSON: %w", err)
	}
	kept := v.of.versions[u.GroupVersionKind().Version]
	if kept == nil {
		return nil, fmt.Errorf("decoding stored JSON: there is no version %q", u.GroupVersionKind().Version)
	}
	if _, err := kept.coerce(u, true); err != nil {
		return nil, err
	}
	kept.setDefaults(u)
	return u, nil
}

// Show returns decoded objects in this version.
func (v *Version) Show(ctx context.Context, objects []resource.Object) ([]resource.Object, error) {
	return v.convert(ctx, objects)
}

// convert returns objects of any versions in this one, without what it does not have.
func (v *Version) convert(ctx context.Context, objects []resource.Object) ([]resource.Object, error) {
	given := make([]*unstructured.Unstructured, len(objects))
	for i, obj := range objects {
		given[i] = obj.(*unstructured.Unstructured)
	}
	converted, err := v.of.converter.Convert(ctx, given, v.kind.GroupVersion())
	if err != nil {
		return nil, err
	}
	out := make([]resource.Object, len(converted))
	for i, u := range converted {
		if u != given[i] {
			if _, err := v.coerce(u, true); err != nil {
				return nil, err
			}
		}
		out[i] = u
	}
	return out, nil
}

// Encode returns the object in the storage version, as JSON.
func (v *Version) Encode(ctx context.Context, obj resource.Object) ([]byte, error) {
	if v != v.of.storage {
		converted, err := v.of.storage.convert(ctx, []resource.Object{obj})
		if err != nil {
			return nil, err
		}
		obj = converted[0]
	}
	return codec.Encode(obj, codec.JSON)
}
