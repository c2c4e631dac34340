package policy

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"google.golang.org/protobuf/types/known/structpb"
	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/managedfields"
	celmutation "k8s.io/apiserver/pkg/cel/mutation"
	"k8s.io/apiserver/pkg/cel/mutation/dynamic"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/matching"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// apply changes a.Object.
func (m *mutation) apply(evaluation *expression.Evaluation, a *admission.Attributes, target *matching.Target) error {
	value, err := evaluation.Evaluate(m.program)
	if err != nil {
		return err
	}
	shown, err := target.Show(a.Object)
	if err != nil {
		return err
	}
	var changed runtime.Object
	if m.kind == admissionregistrationv1.PatchTypeJSONPatch {
		changed, err = patched(value, shown, target)
	} else {
		changed, err = merged(value, a, shown, target)
	}
	if err != nil {
		return err
	}
	a.Object, err = target.Store(changed)
	return err
}

// patched is shown with a list of JSONPatch values applied to it.
func patched(value ref.Val, shown runtime.Object, target *matching.Target) (runtime.Object, error) {
	list, ok := value.(traits.Lister)
	if !ok {
		return nil, fmt.Errorf("type mismatch: JSONPatchType.expression should evaluate to array, got: %v", value.Type())
	}
	var operations jsonpatch.Patch
	for each := list.Iterator(); each.HasNext().Value() == true; {
		operation, err := operationOf(each.Next())
		if err != nil {
			return nil, err
		}
		operations = append(operations, operation)
	}
	data, err := codec.Encode(shown, codec.JSON)
	if err != nil {
		return nil, fmt.Errorf("failed to marshal object: %w", err)
	}
	after, err := operations.Apply(data)
	if err != nil {
		if errors.Is(err, jsonpatch.ErrTestFailed) {
			return shown, nil // the condition that the patch itself names is not met
		}
		return nil, fmt.Errorf("JSON Patch: %w", err)
	}
	changed, err := target.ReadStrictly(after, shown)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	return changed, nil
}

func operationOf(value ref.Val) (jsonpatch.Operation, error) {
	patch, ok := value.(*celmutation.JSONPatchVal)
	if !ok {
		return nil, fmt.Errorf("type mismatch: JSONPatchType.expression should evaluate to array of JSONPatch, got array of %v", value.Type())
	}
	operation := jsonpatch.Operation{}
	for name, text := range map[string]string{"op": patch.Op, "path": patch.Path, "from": patch.From} {
		if text == "" && name == "from" {
			continue // an empty path is the whole object
		}
		data, err := json.Marshal(text)
		if err != nil {
			return nil, err
		}
		operation[name] = raw(data)
	}
	if patch.Val == nil {
		return operation, nil
	}
	native, err := plain(patch.Val)
	if err != nil {
		return nil, fmt.Errorf("JSONPath valueExpression evaluated to a type that could not marshal to JSON: %w", err)
	}
	data, err := json.Marshal(native)
	if err != nil {
		return nil, fmt.Errorf("JSONPath valueExpression evaluated to a type that could not marshal to JSON: %w", err)
	}
	operation["value"] = raw(data)
	return operation, nil
}

// plain is a value that JSON can tell. The library cannot convert lists and maps that hold objects.
func plain(value ref.Val) (any, error) {
	switch v := value.(type) {
	case *dynamic.ObjectVal:
		return v.ConvertToNative(reflect.TypeFor[map[string]any]())
	case traits.Lister:
		items := []any{}
		for each := v.Iterator(); each.HasNext().Value() == true; {
			item, err := plain(each.Next())
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		return items, nil
	case traits.Mapper:
		members := map[string]any{}
		for each := v.Iterator(); each.HasNext().Value() == true; {
			key := each.Next()
			name, ok := key.Value().(string)
			if !ok {
				return nil, fmt.Errorf("a key of type %v", key.Type())
			}
			member, err := plain(v.Get(key))
			if err != nil {
				return nil, err
			}
			members[name] = member
		}
		return members, nil
	}
	return value.ConvertToNative(reflect.TypeFor[*structpb.Value]())
}

func raw(data []byte) *json.RawMessage {
	message := json.RawMessage(data)
	return &message
}

// merged is shown with an Object value merged into it, as server-side apply merges.
func merged(value ref.Val, a *admission.Attributes, shown runtime.Object, target *matching.Target) (runtime.Object, error) {
	wanted, ok := value.(*dynamic.ObjectVal)
	if !ok {
		return nil, fmt.Errorf("unsupported return type from ApplyConfiguration expression: %v", value.Type())
	}
	if err := wanted.CheckTypeNamesMatchFieldPathNames(); err != nil {
		return nil, fmt.Errorf("type mismatch: %w", err)
	}
	native, err := wanted.ConvertToNative(reflect.TypeFor[map[string]any]())
	if err != nil {
		return nil, err
	}
	content, ok := native.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("unexpected result of ApplyConfiguration expression: %T", native)
	}
	if a.Types == nil {
		return nil, fmt.Errorf("objects of kind %v cannot be merged", target.Kind)
	}
	types, err := a.Types()
	if err != nil {
		return nil, err
	}
	changed, err := merge(types, content, shown, target)
	if err != nil {
		return nil, fmt.Errorf("error applying patch: %w", err)
	}
	return changed, nil
}

func merge(types managedfields.TypeConverter, content map[string]any, shown runtime.Object, target *matching.Target) (runtime.Object, error) {
	patch := &unstructured.Unstructured{Object: content}
	patch.SetGroupVersionKind(target.Kind)
	change, err := types.ObjectToTyped(patch)
	if err != nil {
		return nil, fmt.Errorf("failed to convert patch object to typed object: %w", err)
	}
	if err := noAtomic(change); err != nil {
		return nil, fmt.Errorf("invalid ApplyConfiguration: %w", err)
	}
	before, err := types.ObjectToTyped(shown)
	if err != nil {
		return nil, fmt.Errorf("failed to convert original object to typed object: %w", err)
	}
	after, err := before.Merge(change)
	if err != nil {
		return nil, fmt.Errorf("failed to merge patch: %w", err)
	}
	data, err := json.Marshal(after.AsValue().Unstructured())
	if err != nil {
		return nil, err
	}
	return target.Read(data, shown)
}
