package patch

import (
	"fmt"
	"strings"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	kjson "sigs.k8s.io/json"

	"github.com/coxswain-k8s/coxswain/apiserver/codec/members"
)

// Patch changes the JSON of an object.
type Patch struct {
	// Apply patches the whole object.
	Apply Func
	// Merge is Apply for an object that has nothing but what the patch has a say on.
	Merge Func
	// Named are the members that the patch names, where it has a say on no others; nil where it may have one on all.
	Named map[string]any
	// Faults are what is odd about the patch itself, though it can be read: members that are there twice, and unknown ones.
	Faults []error
}

// Func patches the JSON of an object.
type Func = func(now []byte) ([]byte, error)

// New makes what patches the JSON of an object of the type of example.
func New(patchType types.PatchType, body []byte, example any) (Patch, error) {
	switch patchType {
	case types.JSONPatchType:
		apply, err := jsonPatcher(body)
		return Patch{Apply: apply, Faults: jsonPatchFaults(body)}, err
	case types.MergePatchType:
		members := map[string]any{}
		faults, err := kjson.UnmarshalStrict(body, &members)
		if err != nil {
			return Patch{}, apierrors.NewBadRequest(fmt.Sprintf("error decoding patch: %v", err))
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
		return Patch{}, apierrors.NewBadRequest(err.Error())
	}
	meta, err := strategicpatch.NewPatchMetaFromStruct(example)
	if err != nil {
		return Patch{}, apierrors.NewInternalError(err)
	}
	return onlyNamed(patch, faults, func(now []byte) ([]byte, error) { return strategicMerge(now, patch, meta) }), nil
}

// onlyNamed lets a merge see those members of an object that its patch names: on all others it has no say, unless it has
// directives.
func onlyNamed(patch map[string]any, faults []error, merge Func) Patch {
	if len(patch) == 0 {
		return Patch{Apply: merge, Faults: faults}
	}
	for name := range patch {
		if strings.HasPrefix(name, "$") {
			return Patch{Apply: merge, Faults: faults}
		}
	}
	return Patch{Named: patch, Faults: faults, Merge: merge, Apply: func(now []byte) ([]byte, error) {
		return members.Change(now, func(name string) bool { return isNamed(patch, name) }, merge)
	}}
}

func isNamed(named map[string]any, name string) bool {
	_, ok := named[name]
	return ok
}
