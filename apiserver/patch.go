package apiserver

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/fieldmanager"
	"github.com/coxswain-k8s/coxswain/apiserver/warning"
)

// maxPatchOperations bounds a JSON patch.
const maxPatchOperations = 10000

// patch changes an object by one of the four kinds of patch.
func (c *call) patch() error {
	patchType, err := c.patchType()
	if err != nil {
		return err
	}
	options, err := c.patchOptions(patchType)
	if err != nil {
		return err
	}
	body, err := c.readBody()
	if err != nil {
		return err
	}
	if patchType == types.ApplyYAMLPatchType {
		return c.apply(body, options)
	}
	how, err := patcher(patchType, body, c.at.version.New())
	if err != nil {
		return err
	}
	misfit := misfitOf
	if patchType == types.StrategicMergePatchType {
		misfit = strategicMisfit(body, c.at.version.New)
	}
	return c.finish(change{
		name: c.info.Name, options: options, unconditional: true, patched: true,
		apply: func(_ context.Context, now current) (resource.Object, error) {
			return c.patched(now, how, misfit, options)
		},
	})
}

func (c *call) patchType() (types.PatchType, error) {
	name, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	patchType := types.PatchType(name)
	if err != nil {
		patchType = ""
	}
	switch patchType {
	case types.JSONPatchType, types.MergePatchType, types.ApplyYAMLPatchType:
		return patchType, nil
	case types.ApplyCBORPatchType:
		if c.CBOR {
			return types.ApplyYAMLPatchType, nil // as which readBody hands it on
		}
	case types.StrategicMergePatchType:
		if c.strategic() {
			return patchType, nil
		}
	}
	if c.at.custom != nil {
		return "", unsupportedMedia([]string{string(types.JSONPatchType), string(types.MergePatchType), string(types.ApplyYAMLPatchType)})
	}
	return "", &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusUnsupportedMediaType, Reason: metav1.StatusReasonUnsupportedMediaType,
		Message: "415: Unsupported Media Type", Details: &metav1.StatusDetails{},
	}}
}

// strategic says whether the kind has the tags that a strategic merge needs: typed kinds do.
func (c *call) strategic() bool { return c.at.protobuf }

// patcher makes what patches the JSON of an object of the type of example.
func patcher(patchType types.PatchType, body []byte, example any) (objectPatch, error) {
	switch patchType {
	case types.JSONPatchType:
		apply, err := jsonPatcher(body)
		return objectPatch{apply: apply, faults: jsonPatchFaults(body)}, err
	case types.MergePatchType:
		members := map[string]any{}
		faults, err := kjson.UnmarshalStrict(body, &members)
		if err != nil {
			return objectPatch{}, apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: %v", err))
		}
		return onlyNamed(members, faults, func(now []byte) ([]byte, error) {
			out, err := jsonpatch.MergePatch(now, body)
			if err != nil {
				return nil, apierrors.NewBadRequest(err.Error())
			}
			return out, nil
		}), nil
	}
	patch := map[string]any{}
	faults, err := kjson.UnmarshalStrict(body, &patch)
	if err != nil {
		return objectPatch{}, apierrors.NewBadRequest(err.Error())
	}
	meta, err := strategicpatch.NewPatchMetaFromStruct(example)
	if err != nil {
		return objectPatch{}, apierrors.NewInternalError(err)
	}
	return onlyNamed(patch, faults, func(now []byte) ([]byte, error) { return strategicMerge(now, patch, meta) }), nil
}

// onlyNamed lets a merge see those members of an object that its patch names: on all others it has no say, unless it has
// directives.
func onlyNamed(patch map[string]any, faults []error, merge patchFunc) objectPatch {
	if len(patch) == 0 {
		return objectPatch{apply: merge, faults: faults}
	}
	for name := range patch {
		if strings.HasPrefix(name, "$") {
			return objectPatch{apply: merge, faults: faults}
		}
	}
	return objectPatch{named: patch, faults: faults, merge: merge, apply: func(now []byte) ([]byte, error) {
		return codec.ChangeMembers(now, func(name string) bool { return isNamed(patch, name) }, merge)
	}}
}

func strategicMerge(now []byte, patch map[string]any, meta strategicpatch.PatchMetaFromStruct) ([]byte, error) {
	original := map[string]any{}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(now, &original); err != nil {
		return nil, fmt.Errorf("reading current object: %w", err)
	}
	was := map[string]any{}
	for _, name := range []string{"apiVersion", "kind"} {
		if value, ok := original[name]; ok {
			was[name] = value
		}
	}
	merged, err := strategicpatch.StrategicMergeMapPatchUsingLookupPatchMeta(original, strategicpatch.JSONMap(deepCopy(patch)), meta)
	if err != nil {
		switch {
		case mergepatch.IsPreconditionFailed(err), err == mergepatch.ErrBadJSONDoc, err == mergepatch.ErrBadPatchFormatForPrimitiveList,
			err == mergepatch.ErrBadPatchFormatForRetainKeys, err == mergepatch.ErrBadPatchFormatForSetElementOrderList, err == mergepatch.ErrUnsupportedStrategicMergePatchFormat:
			return nil, apierrors.NewBadRequest(err.Error())
		}
		return nil, plainError(http.StatusInternalServerError, err.Error())
	}
	for _, name := range []string{"apiVersion", "kind"} { // what an object is, no patch changes
		if delete(merged, name); was[name] != nil {
			merged[name] = was[name]
		}
	}
	return json.Marshal(merged)
}

// deepCopy because a merge keeps parts of the patch.
func deepCopy(in map[string]any) map[string]any {
	out := make(map[string]any, len(in))
	for key, value := range in {
		out[key] = deepCopyValue(value)
	}
	return out
}

func deepCopyValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		return deepCopy(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = deepCopyValue(v[i])
		}
		return out
	}
	return value
}

// operations are what upstream calls the operations of a patch.
var operations = strings.NewReplacer("jsonpatch.Patch", "[]handlers.jsonPatchOp", "jsonpatch.Operation", "handlers.jsonPatchOp")

// jsonPatchFaults are the members of operations that no operation has.
func jsonPatchFaults(body []byte) []error {
	var known []struct {
		Op    string `json:"op"`
		Path  string `json:"path"`
		From  string `json:"from"`
		Value any    `json:"value"`
	}
	faults, err := kjson.UnmarshalStrict(body, &known)
	if err != nil {
		return nil // which the patch itself is refused for
	}
	for i := range faults {
		faults[i] = fmt.Errorf("json patch %w", faults[i])
	}
	return faults
}

func jsonPatcher(body []byte) (func([]byte) ([]byte, error), error) {
	patch, err := jsonpatch.DecodePatch(body)
	if err != nil {
		return nil, apierrors.NewBadRequest("error decoding patch: " + operations.Replace(err.Error()))
	}
	if len(patch) > maxPatchOperations {
		return nil, apierrors.NewRequestEntityTooLargeError(
			fmt.Sprintf("The allowed maximum operations in a JSON patch is %d, got %d", maxPatchOperations, len(patch)))
	}
	return func(now []byte) ([]byte, error) {
		out, err := patch.Apply(now)
		if err != nil {
			return nil, apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
		}
		return out, nil
	}, nil
}

type (
	patchFunc  = func(now []byte) ([]byte, error)
	misfitFunc = func(after []byte, err error) error
)

// misfitOf refuses a patch after which the object cannot be decoded.
func misfitOf(after []byte, err error) error {
	members := map[string]json.RawMessage{}
	if json.Unmarshal(after, &members) == nil {
		if ordered, err := json.Marshal(members); err == nil {
			after = ordered // as the patched object is shown
		}
	}
	return invalid(schema.GroupKind{}, "", field.ErrorList{field.Invalid(field.NewPath("patch"), string(after), reasonOf(err))})
}

// strategicMisfit is misfitOf for strategic merges, where what is shown is the patch and not the object, in the words
// of the conversion from a map.
func strategicMisfit(body []byte, example func() resource.Object) misfitFunc {
	return func(after []byte, err error) error {
		reason := reasonOf(err)
		patch, merged := map[string]any{}, map[string]any{}
		_ = kjson.UnmarshalCaseSensitivePreserveInts(body, &patch) // it has been read before
		if !runtime.IsStrictDecodingError(err) && kjson.UnmarshalCaseSensitivePreserveInts(after, &merged) == nil {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(merged, example()); err != nil {
				reason = err.Error()
			}
		}
		return invalid(schema.GroupKind{}, "", field.ErrorList{field.Invalid(field.NewPath("patch"), fmt.Sprintf("%+v", patch), reason)})
	}
}

// patched is the current object with the patch applied to it, in the storage version.
func (c *call) patched(now current, patch objectPatch, misfit misfitFunc, options writeOptions) (resource.Object, error) {
	shown, err := c.at.versioned(now.object)
	if err != nil {
		return nil, err
	}
	if !options.looksForFaults() {
		patch.faults = nil
	}
	if obj, ok := c.patchedPart(shown, patch, options.looksForFaults()); ok {
		if err := c.fitName(obj); err != nil {
			return nil, err
		}
		return c.at.stored(obj)
	}
	before, err := codec.Encode(shown, codec.JSON)
	if err != nil {
		return nil, err
	}
	after, err := patch.apply(before)
	if err != nil {
		return nil, err
	}
	obj := c.at.version.New()
	faults, err := c.decodeObject(codec.Body{Data: after, Strict: options.looksForFaults()}, obj)
	faults = append(slices.Clone(patch.faults), faults...)
	if err == nil && len(faults) > 0 && options.validation == metav1.FieldValidationStrict {
		err = runtime.NewStrictDecodingError(faults)
	}
	if err != nil {
		return nil, misfit(after, err)
	}
	if err := c.judge(faults, c.at.gvk, options); err != nil {
		return nil, err
	}
	if err := c.fitName(obj); err != nil {
		return nil, err
	}
	return c.at.stored(obj)
}

// reasonOf is what a decoder complained of, without what it was decoding.
func reasonOf(err error) string {
	_, reason, found := strings.Cut(err.Error(), " cannot be handled as a ")
	if !found {
		return err.Error()
	}
	if _, rest, found := strings.Cut(reason, ": "); found {
		return rest
	}
	return reason
}

// apply merges an applied configuration, or creates the object from it.
func (c *call) apply(body []byte, options writeOptions) error {
	fields := c.fields()
	if fields == nil {
		return unsupportedMedia([]string{string(types.JSONPatchType), string(types.MergePatchType), string(types.StrategicMergePatchType)})
	}
	parsed := fieldmanager.Parse(body)
	merged := func(live resource.Object) (resource.Object, error) {
		shown, err := c.at.versioned(live)
		if err != nil {
			return nil, err
		}
		result, err := fields.Apply(c.at.row, c.at.gvk, shown, fieldmanager.Configuration{
			Data: body, Parsed: parsed, Manager: options.manager, Force: options.force, Subresource: c.info.Subresource})
		if err != nil {
			return nil, err
		}
		if err := c.judgeConfiguration(body, parsed.Plain, options); err != nil {
			return nil, err
		}
		result.GetObjectKind().SetGroupVersionKind(c.at.gvk)
		if err := c.fitName(result); err != nil {
			return nil, err
		}
		return c.at.stored(result)
	}
	ch := change{
		name: c.info.Name, options: options, unconditional: true, patched: true, managed: true,
		apply: func(_ context.Context, now current) (resource.Object, error) { return merged(now.object) },
	}
	if c.sub == nil {
		ch.create = func(ctx context.Context) (resource.Object, error) { return c.createApplied(ctx, merged, options) }
	}
	return c.finish(ch)
}

// createApplied makes a new object out of an applied configuration.
func (c *call) createApplied(ctx context.Context, merged func(resource.Object) (resource.Object, error), options writeOptions) (resource.Object, error) {
	if err := c.mayCreate(); err != nil {
		return nil, err
	}
	empty := c.at.storage.New()
	empty.GetObjectKind().SetGroupVersionKind(c.at.kind.gvk)
	empty.SetName(c.info.Name)
	empty.SetNamespace(c.info.Namespace)
	obj, err := merged(empty)
	if err != nil {
		return nil, err
	}
	if obj.GetUID() != "" {
		return nil, conflict(c.groupResource(), c.info.Name, fmt.Errorf("uid mismatch: the provided object specified uid %s, and no existing object was found", obj.GetUID()))
	}
	options.managed = true
	return c.createObject(ctx, obj, options)
}

// judgeConfiguration looks for duplicate keys in an applied configuration. Unknown fields are errors whatever the options say: the merge
// itself refuses them.
func (c *call) judgeConfiguration(body []byte, plain bool, options writeOptions) error {
	if !options.looksForFaults() || plain {
		return nil
	}
	err := yaml.UnmarshalStrict(body, &map[string]any{})
	if err == nil {
		return nil
	}
	if options.validation == metav1.FieldValidationStrict {
		return apierrors.NewBadRequest(fmt.Sprintf("error strict decoding YAML: %v", err))
	}
	for line := range strings.Lines(err.Error()) {
		if fault, found := strings.CutPrefix(line, "  "); found {
			warning.Add(c.ctx(), strings.TrimSuffix(fault, "\n"))
		}
	}
	return nil
}
