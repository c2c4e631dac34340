package patch

import (
	"encoding/json"
	"fmt"
	"net/http"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/mergepatch"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kjson "sigs.k8s.io/json"

	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

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
		return nil, refusal.Plain(http.StatusInternalServerError, err.Error())
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
