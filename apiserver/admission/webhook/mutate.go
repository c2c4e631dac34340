package webhook

import (
	"context"
	"errors"
	"fmt"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Mutating asks the webhooks of MutatingWebhookConfigurations, one after the other.
type Mutating struct {
	Deps
	caller caller
	source source
}

// rounds is what is remembered between the two rounds of a write.
type rounds struct {
	// asked are the webhooks that want to be asked again when the object changes after them, and again those that will be.
	asked, again map[string]bool
	output       runtime.Object // as the last webhook left it
}

func (r *rounds) changed() {
	for id := range r.asked {
		r.again[id] = true
	}
	clear(r.asked)
}

// Admit implements admission.Mutator.
func (m *Mutating) Admit(ctx context.Context, a *admission.Attributes) error {
	hooks := m.source.hooks(m.Matcher.Lister)
	if len(hooks) == 0 || a.ConfiguresAdmission() {
		return nil
	}
	memory, _ := a.Again.Remember("MutatingAdmissionWebhook", func() any { //nolint:errcheck // the type is that of the function
		return &rounds{asked: map[string]bool{}, again: map[string]bool{}}
	}).(*rounds)
	if a.Again.Running() && !equality.Semantic.DeepEqual(memory.output, a.Object) {
		memory.changed()
	}
	for _, h := range hooks {
		if err := m.one(ctx, h, a, memory); err != nil {
			return err
		}
	}
	if a.Object != nil {
		memory.output = a.Object.DeepCopyObject()
	}
	return nil
}

func (m *Mutating) one(ctx context.Context, h *hook, a *admission.Attributes, memory *rounds) error {
	target, err := m.concerns(ctx, h, a)
	if err != nil || target == nil {
		return err
	}
	if a.Again.Running() && !memory.again[h.id] {
		return nil
	}
	view, err := show(a, target)
	if err != nil {
		return apierrors.NewInternalError(err)
	}
	changed, err := m.call(ctx, h, a, view)
	if changed {
		memory.changed()
		a.Again.Request()
	}
	if h.reinvoke {
		memory.asked[h.id] = true
	}
	var failed *callError
	if errors.As(err, &failed) {
		return missed(ctx, h, failed)
	}
	return err
}

// call asks a webhook and applies its patch.
func (m *Mutating) call(ctx context.Context, h *hook, a *admission.Attributes, s *shown) (changed bool, err error) {
	given, err := m.caller.ask(ctx, h, a, s)
	if err != nil {
		return false, err
	}
	if !given.allowed {
		return false, denial(h.name, given.result)
	}
	if len(given.patch) == 0 {
		return false, nil
	}
	patch, err := jsonpatch.DecodePatch(given.patch)
	if err != nil {
		return false, &callError{h.name, fmt.Errorf("received undecodable patch in webhook response: %w", err)}
	}
	if len(patch) == 0 {
		return false, nil
	}
	if s.object == nil {
		return false, apierrors.NewInternalError(fmt.Errorf("admission webhook %q attempted to modify the object, which is not supported for this operation", h.name))
	}
	if given.patchType != admissionv1.PatchTypeJSONPatch {
		return false, &callError{h.name, fmt.Errorf("unsupported patch type %q", given.patchType)}
	}
	after, err := patch.Apply(s.objectRaw)
	if err != nil {
		return false, apierrors.NewInternalError(err)
	}
	patched, err := s.target.Read(after, s.object)
	if err != nil {
		return false, apierrors.NewInternalError(err)
	}
	if equality.Semantic.DeepEqual(s.object, patched) {
		return false, nil
	}
	if a.Object, err = s.target.Store(patched); err != nil {
		return false, apierrors.NewInternalError(err)
	}
	return true, nil
}
