package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	serializer "k8s.io/apimachinery/pkg/runtime/serializer/json"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
)

// Mutating asks the webhooks of MutatingWebhookConfigurations, one after the other.
type Mutating struct {
	Deps
	caller caller
	source source
}

// Admit implements admission.Mutator.
func (m *Mutating) Admit(ctx context.Context, a *admission.Attributes) error {
	hooks := m.source.hooks(m.Matcher.Lister)
	if len(hooks) == 0 || a.ConfiguresAdmission() {
		return nil
	}
	rounds := a.Again.Begin("MutatingAdmissionWebhook", a.Object)
	for _, h := range hooks {
		if err := m.one(ctx, h, a, rounds); err != nil {
			return err
		}
	}
	rounds.End(a.Object)
	return nil
}

func (m *Mutating) one(ctx context.Context, h *hook, a *admission.Attributes, rounds *admission.Rounds) error {
	target, err := m.concerns(ctx, h, a)
	if err != nil || target == nil {
		return err
	}
	if rounds.Skips(h.id) {
		return nil
	}
	view, err := show(a, target)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	start := time.Now()
	place := fmt.Sprintf("round_%d_index_%d", a.Again.Round(), h.index)
	patched, changed, err := m.call(ctx, h, a, view, place)
	m.count(h, a, admission.StepAdmit, time.Since(start), err)
	audit.Spent(ctx, audit.MutatingWebhooks, start)
	var failed *callError
	a.AuditAnnotation("mutation.webhook.admission.k8s.io/"+place, fmt.Sprintf(`{"configuration":%q,"webhook":%q,"mutated":%t}`, h.configuration, h.name, patched))
	if errors.As(err, &failed) && h.failOpen {
		a.AuditAnnotation("failed-open.mutation.webhook.admission.k8s.io/"+place, h.name)
	}
	if changed {
		rounds.Changed()
	}
	if h.reinvoke {
		rounds.Asked(h.id)
	}
	if failed != nil {
		return missed(ctx, h, failed)
	}
	return err
}

// call asks a webhook and applies its patch, if it has one, which may change nothing. place is where the webhook stands among the others.
func (m *Mutating) call(ctx context.Context, h *hook, a *admission.Attributes, s *shown, place string) (patched, changed bool, err error) {
	given, err := m.caller.ask(ctx, h, a, s)
	if err != nil {
		return false, false, err
	}
	if !given.allowed {
		return false, false, denial(h.name, given.result)
	}
	patch, err := patchOf(given, h, s)
	if err != nil || len(patch) == 0 {
		return false, false, err
	}
	after, err := patch.Apply(s.objectRaw)
	if err != nil {
		return false, false, apierrors.NewInternalError(err)
	}
	if err := sameKind(after, s.target.Kind); err != nil {
		return false, false, apierrors.NewInternalError(err)
	}
	read, err := s.target.Read(after, s.object)
	if err != nil {
		return false, false, apierrors.NewInternalError(err)
	}
	audit.AnnotateRequest(ctx, "patch.webhook.admission.k8s.io/"+place, func() string {
		text, err := json.Marshal(patch)
		if err != nil {
			text = []byte("null") // it was read from JSON
		}
		return fmt.Sprintf(`{"configuration":%q,"webhook":%q,"patch":%s,"patchType":%q}`, h.configuration, h.name, text, given.patchType)
	})
	if equality.Semantic.DeepEqual(s.object, read) {
		return true, false, nil
	}
	if a.Object, err = s.target.Store(read); err != nil {
		return false, false, apierrors.NewInternalError(err)
	}
	return true, true, nil
}

// patchOf is the patch in an answer; an empty one when it has none.
func patchOf(given *answer, h *hook, s *shown) (jsonpatch.Patch, error) {
	if len(given.patch) == 0 {
		return nil, nil
	}
	patch, err := jsonpatch.DecodePatch(given.patch)
	switch {
	case err != nil:
		return nil, &callError{h.name, fmt.Errorf("received undecodable patch in webhook response: %w", err)}
	case len(patch) == 0:
		return nil, nil
	case s.object == nil:
		return nil, apierrors.NewInternalError(fmt.Errorf("admission webhook %q attempted to modify the object, which is not supported for this operation", h.name))
	case given.patchType != admissionv1.PatchTypeJSONPatch:
		return nil, &callError{h.name, fmt.Errorf("unsupported patch type %q", given.patchType)}
	}
	return patch, nil
}

// sameKind refuses an object that a patch has made one of another kind.
func sameKind(data []byte, want schema.GroupVersionKind) error {
	kind, err := serializer.DefaultMetaFactory.Interpret(data)
	if err != nil {
		return err
	}
	if kind.Empty() || *kind == want {
		return nil
	}
	return runtime.NewNotRegisteredErrForKind("pkg/runtime/scheme.go:111", *kind)
}
