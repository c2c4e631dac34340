package write

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/coxswain-k8s/coxswain/apis/resource"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
	"github.com/coxswain-k8s/coxswain/apiserver/call"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
	"github.com/coxswain-k8s/coxswain/apiserver/patch"
	"github.com/coxswain-k8s/coxswain/apiserver/refusal"
)

// SentPatch is a patch as the client sent it.
type SentPatch struct {
	Type    types.PatchType
	Options call.WriteOptions
	Body    []byte
}

// ReadPatch reads a patch.
func (c Verbs) ReadPatch() (sent SentPatch, err error) {
	if sent.Type, err = c.PatchType(); err != nil {
		return sent, err
	}
	if sent.Options, err = c.PatchOptions(sent.Type); err != nil {
		return sent, err
	}
	if sent.Body, err = c.ReadBody(); err == nil {
		audit.Sent(c.Context(), nil, sent.inJSON)
	}
	return sent, err
}

// inJSON is the patch as the audit log has it.
func (p SentPatch) inJSON() ([]byte, error) {
	if p.Type == types.ApplyYAMLPatchType {
		return yaml.YAMLToJSON(p.Body)
	}
	if !json.Valid(p.Body) {
		return nil, errNoJSON
	}
	return p.Body, nil
}

var errNoJSON = errors.New("the patch is no JSON")

// Patch changes an object by one of the four kinds of patch.
func (c Verbs) Patch() error {
	sent, err := c.ReadPatch()
	if err != nil {
		return err
	}
	patchType, options, body := sent.Type, sent.Options, sent.Body
	if patchType == types.ApplyYAMLPatchType {
		return c.apply(body, options)
	}
	how, err := c.PatchOf(sent, c.At.Version.New())
	if err != nil {
		return err
	}
	misfit := patch.MisfitOf
	if patchType == types.StrategicMergePatchType {
		misfit = patch.StrategicMisfit(body, c.At.Version.New)
	}
	return c.finish(Change{
		Name: c.Info.Name, Options: options, patched: true,
		Apply: func(_ context.Context, now Current) (resource.Object, error) {
			return c.patched(now, how, misfit, options)
		},
	})
}

// PatchOf is what was sent, for objects of the type of example. That there is nothing to be patched is said before that a patch cannot be read.
func (c Verbs) PatchOf(sent SentPatch, example resource.Object) (patch.Patch, error) {
	how, err := patch.New(sent.Type, sent.Body, example)
	if err == nil {
		return how, nil
	}
	if _, missing := c.Latest(c.Context(), c.Info.Name); apierrors.IsNotFound(missing) {
		return how, missing
	}
	return how, err
}

// PatchType is the kind of patch that was sent, if the kind of the object can be patched so.
func (c Verbs) PatchType() (types.PatchType, error) {
	name, _, err := mime.ParseMediaType(c.R.Header.Get("Content-Type"))
	patchType := types.PatchType(name)
	if err != nil {
		patchType = ""
	}
	switch patchType {
	case types.JSONPatchType, types.MergePatchType, types.ApplyYAMLPatchType:
		return patchType, nil
	case types.ApplyCBORPatchType:
		if c.CBOR {
			return types.ApplyYAMLPatchType, nil // as which ReadBody hands it on
		}
	case types.StrategicMergePatchType:
		if c.strategic() {
			return patchType, nil
		}
	}
	if c.At.Custom != nil {
		known := []string{string(types.JSONPatchType), string(types.MergePatchType), string(types.ApplyYAMLPatchType)}
		if c.CBOR {
			known = append(known, string(types.ApplyCBORPatchType))
		}
		return "", refusal.UnsupportedMedia(known)
	}
	return "", &apierrors.StatusError{ErrStatus: metav1.Status{
		Status: metav1.StatusFailure, Code: http.StatusUnsupportedMediaType, Reason: metav1.StatusReasonUnsupportedMediaType,
		Message: "415: Unsupported Media Type", Details: &metav1.StatusDetails{},
	}}
}

// strategic says whether the kind has the tags that a strategic merge needs: typed kinds do.
func (c Verbs) strategic() bool { return c.At.Protobuf }

// patched is the current object with the patch applied to it, in the storage version.
func (c Verbs) patched(now Current, patch patch.Patch, misfit patch.Misfit, options call.WriteOptions) (resource.Object, error) {
	shown, err := c.At.Versioned(now.Object)
	if err != nil {
		return nil, err
	}
	if !options.LooksForFaults() {
		patch.Faults = nil
	}
	if obj, ok := patch.Part(shown, c.At, c.Call, options.LooksForFaults()); ok {
		if err := c.FitName(obj); err != nil {
			return nil, err
		}
		return c.At.Stored(obj)
	}
	before, err := codec.Encode(shown, codec.JSON)
	if err != nil {
		return nil, err
	}
	after, err := patch.Apply(before)
	if err != nil {
		return nil, err
	}
	obj := c.At.Version.New()
	faults, err := c.DecodeObject(codec.Body{Data: after, Strict: options.LooksForFaults()}, obj)
	faults = append(slices.Clone(patch.Faults), faults...)
	if err == nil && len(faults) > 0 && options.Validation == metav1.FieldValidationStrict {
		err = runtime.NewStrictDecodingError(faults)
	}
	if err != nil {
		return nil, misfit(after, err)
	}
	if err := c.Judge(faults, c.At.GVK, options); err != nil {
		return nil, err
	}
	if err := c.FitName(obj); err != nil {
		return nil, err
	}
	return c.At.Stored(obj)
}
