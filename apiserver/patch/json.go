package patch

import (
	"fmt"
	"net/http"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
)

// MaxOperations bounds a JSON patch.
const MaxOperations = 10000

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
	if len(patch) > MaxOperations {
		return nil, apierrors.NewRequestEntityTooLargeError(
			fmt.Sprintf("The allowed maximum operations in a JSON patch is %d, got %d", MaxOperations, len(patch)))
	}
	return func(now []byte) ([]byte, error) {
		out, err := patch.Apply(now)
		if err != nil {
			return nil, apierrors.NewGenericServerResponse(http.StatusUnprocessableEntity, "", schema.GroupResource{}, "", err.Error(), 0, false)
		}
		return out, nil
	}, nil
}
