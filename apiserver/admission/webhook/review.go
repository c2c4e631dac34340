package webhook

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"slices"

	admissionv1 "k8s.io/api/admission/v1"
	admissionv1beta1 "k8s.io/api/admission/v1beta1"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer/json"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/uuid"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/utils/ptr"
	kjson "sigs.k8s.io/json"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/matching"
	"github.com/coxswain-k8s/coxswain/apiserver/codec"
)

// shown is a write in the version that a webhook wants to see.
type shown struct {
	target            *matching.Target
	object            runtime.Object
	objectRaw, oldRaw []byte
	optionsRaw        []byte
}

// show converts and encodes the objects of a write.
func show(a *admission.Attributes, target *matching.Target) (*shown, error) {
	s := &shown{target: target}
	var err error
	if s.object, err = target.Show(a.Object); err != nil {
		return nil, err
	}
	if s.objectRaw, err = encode(s.object); err != nil {
		return nil, err
	}
	old, err := target.Show(a.Old)
	if err != nil {
		return nil, err
	}
	if s.oldRaw, err = encode(old); err != nil {
		return nil, err
	}
	s.optionsRaw, err = encode(a.Options)
	return s, err
}

func encode(obj runtime.Object) ([]byte, error) {
	if obj == nil {
		return nil, nil
	}
	return codec.Encode(obj, codec.JSON)
}

// reviewVersion is the first of a webhook's versions that is spoken here.
func reviewVersion(versions []string) (string, error) {
	for _, version := range versions {
		if version == "v1" || version == "v1beta1" {
			return version, nil
		}
	}
	if len(versions) == 0 {
		return "v1beta1", nil
	}
	return "", errors.New("webhook does not accept known AdmissionReview versions (v1, v1beta1)")
}

// newRequest says what is asked.
func newRequest(a *admission.Attributes, s *shown) *admissionv1.AdmissionRequest {
	requested := matching.Requested(a)
	r := &admissionv1.AdmissionRequest{
		UID: uuid.NewUUID(), Kind: metav1.GroupVersionKind(s.target.Kind), Resource: metav1.GroupVersionResource(s.target.Resource),
		SubResource: a.Subresource, RequestKind: ptr.To(metav1.GroupVersionKind(requested.Kind)),
		RequestResource: ptr.To(metav1.GroupVersionResource(requested.Resource)), RequestSubResource: a.Subresource,
		Name: a.Name, Namespace: matching.NamespaceOf(a), Operation: admissionv1.Operation(a.Operation),
		Object: runtime.RawExtension{Raw: s.objectRaw}, OldObject: runtime.RawExtension{Raw: s.oldRaw},
		DryRun: ptr.To(a.DryRun), Options: runtime.RawExtension{Raw: s.optionsRaw},
	}
	if u := a.User; u != nil {
		r.UserInfo = authenticationv1.UserInfo{Username: u.GetName(), UID: u.GetUID(), Groups: u.GetGroups()}
		for key, values := range u.GetExtra() {
			if r.UserInfo.Extra == nil {
				r.UserInfo.Extra = map[string]authenticationv1.ExtraValue{}
			}
			r.UserInfo.Extra[key] = slices.Clone(values)
		}
	}
	return r
}

// encodeReview writes the review in a version. The two have the same fields.
func encodeReview(request *admissionv1.AdmissionRequest, version string) ([]byte, error) {
	kind := schema.GroupVersion{Group: admissionv1.GroupName, Version: version}.WithKind("AdmissionReview")
	review := admissionv1.AdmissionReview{Request: request}
	review.SetGroupVersionKind(kind)
	return stdjson.Marshal(&review)
}

// answer is what a webhook said, checked.
type answer struct {
	allowed     bool
	result      *metav1.Status
	patch       []byte
	patchType   admissionv1.PatchType
	warnings    []string
	annotations map[string]string
}

// decodeAnswer reads and checks what a webhook, which may change objects or only judge them, answered to the request of uid in the version.
func decodeAnswer(data []byte, version string, uid types.UID, judges bool) (*answer, error) {
	want := schema.GroupVersion{Group: admissionv1.GroupName, Version: version}.WithKind("AdmissionReview")
	review := &admissionv1.AdmissionReview{}
	if err := decodeReview(data, want, review); err != nil {
		return nil, fmt.Errorf("failed to call webhook: %w", err)
	}
	if review.Response == nil {
		return nil, invalid("webhook response was absent")
	}
	if got := review.GroupVersionKind(); version == "v1" && got != want {
		return nil, invalid(fmt.Sprintf("expected webhook response of %v, got %v", want, got))
	}
	r := review.Response
	if version == "v1" && r.UID != uid {
		return nil, invalid(fmt.Sprintf("expected response.uid=%q, got %q", uid, r.UID))
	}
	if err := checkPatch(r, version, judges); err != nil {
		return nil, err
	}
	return &answer{allowed: r.Allowed, result: r.Result, patch: r.Patch, patchType: ptr.Deref(r.PatchType, admissionv1.PatchTypeJSONPatch), warnings: r.Warnings, annotations: r.AuditAnnotations}, nil
}

// decodeReview reads a review of the kind, or one that does not say of what kind it is.
func decodeReview(data []byte, want schema.GroupVersionKind, into *admissionv1.AdmissionReview) error {
	data, err := yaml.ToJSON(data)
	if err != nil {
		return err
	}
	kind, err := json.DefaultMetaFactory.Interpret(data)
	if err != nil {
		return err
	}
	switch {
	case kind.Empty():
	case kind.Group != want.Group || kind.Kind != want.Kind || (kind.Version != "v1" && kind.Version != "v1beta1"):
		return runtime.NewNotRegisteredErrForKind("pkg/runtime/scheme.go:111", *kind)
	case kind.Version != want.Version:
		return fmt.Errorf("converting (%s.%s) to (%s.%s): unknown conversion", kind.Version, kind.Kind, want.Version, want.Kind)
	}
	return kjson.UnmarshalCaseSensitivePreserveInts(data, into)
}

func checkPatch(r *admissionv1.AdmissionResponse, version string, judges bool) error {
	if version == admissionv1beta1.SchemeGroupVersion.Version {
		return nil // its patches have but one type
	}
	switch {
	case judges && len(r.Patch) > 0:
		return invalid("validating webhook may not return response.patch")
	case judges && r.PatchType != nil:
		return invalid("validating webhook may not return response.patchType")
	case len(r.Patch) > 0 && r.PatchType == nil:
		return invalid("webhook returned response.patch but not response.patchType")
	case r.PatchType != nil && len(r.Patch) == 0:
		return invalid("webhook returned response.patchType but not response.patch")
	}
	return nil
}

// errInvalid marks an answer that came but says nothing.
var errInvalid = errors.New("received invalid webhook response")

func invalid(why string) error { return fmt.Errorf("%w: %s", errInvalid, why) }
