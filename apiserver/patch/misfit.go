package patch

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// Misfit refuses a patch, given what it made of the object and why that is none.
type Misfit = func(after []byte, err error) error

// MisfitOf refuses a patch after which the object cannot be decoded.
func MisfitOf(after []byte, err error) error {
	members := map[string]json.RawMessage{}
	if json.Unmarshal(after, &members) == nil {
		if ordered, err := json.Marshal(members); err == nil {
			after = ordered // as the patched object is shown
		}
	}
	return refusal.Invalid(schema.GroupKind{}, "", field.ErrorList{field.Invalid(field.NewPath("patch"), string(after), reasonOf(err))})
}

// StrategicMisfit is MisfitOf for strategic merges, where what is shown is the patch and not the object, in the words
// of the conversion from a map.
func StrategicMisfit(body []byte, example func() resource.Object) Misfit {
	return func(after []byte, err error) error {
		reason := reasonOf(err)
		patch, merged := map[string]any{}, map[string]any{}
		_ = kjson.UnmarshalCaseSensitivePreserveInts(body, &patch) // it has been read before
		if !runtime.IsStrictDecodingError(err) && kjson.UnmarshalCaseSensitivePreserveInts(after, &merged) == nil {
			if err := runtime.DefaultUnstructuredConverter.FromUnstructured(merged, example()); err != nil {
				reason = err.Error()
			}
		}
		return refusal.Invalid(schema.GroupKind{}, "", field.ErrorList{field.Invalid(field.NewPath("patch"), fmt.Sprintf("%+v", patch), reason)})
	}
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
