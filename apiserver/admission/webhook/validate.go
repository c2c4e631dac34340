package webhook

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/matching"
	"github.com/coxswain-k8s/coxswain/apiserver/auth/audit"
)

// Validating asks the webhooks of ValidatingWebhookConfigurations, all at the same time.
type Validating struct {
	Deps
	caller caller
	source source
}

// invocation is a webhook that is to be asked, and how it sees the write.
type invocation struct {
	hook   *hook
	target *matching.Target
}

// Validate implements admission.Validator.
func (v *Validating) Validate(ctx context.Context, a *admission.Attributes) error {
	hooks := v.source.hooks(v.Matcher.Lister)
	if len(hooks) == 0 || a.ConfiguresAdmission() {
		return nil
	}
	var calls []invocation
	for _, h := range hooks {
		target, err := v.concerns(ctx, h, a)
		if err != nil {
			return err
		}
		if target != nil {
			calls = append(calls, invocation{h, target})
		}
	}
	if len(calls) == 0 {
		return nil
	}
	views, err := viewsOf(a, calls)
	if err != nil {
		return err
	}
	defer audit.Spent(ctx, audit.ValidatingWebhooks, time.Now())
	refusals := make([]error, len(calls))
	var running sync.WaitGroup
	for i, call := range calls {
		running.Go(func() { refusals[i] = v.one(ctx, call.hook, a, views[*call.target], i) })
	}
	running.Wait()
	for _, refusal := range refusals {
		if refusal != nil {
			return refusal
		}
	}
	return nil
}

// viewsOf makes each view of the write that the webhooks want once.
func viewsOf(a *admission.Attributes, calls []invocation) (map[matching.Target]*shown, error) {
	views := map[matching.Target]*shown{}
	for _, call := range calls {
		if views[*call.target] != nil {
			continue
		}
		view, err := show(a, call.target)
		if err != nil {
			return nil, apierrors.NewInternalError(err)
		}
		views[*call.target] = view
	}
	return views, nil
}

// one asks a webhook, which stands at index among those that are asked.
func (v *Validating) one(ctx context.Context, h *hook, a *admission.Attributes, s *shown, index int) error {
	start := time.Now()
	given, err := v.caller.ask(ctx, h, a, s)
	if err == nil && !given.allowed {
		err = denial(h.name, given.result)
	}
	v.count(h, a, admission.StepValidating, time.Since(start), err)
	var failed *callError
	if errors.As(err, &failed) {
		if h.failOpen {
			a.AuditAnnotation(fmt.Sprintf("failed-open.validating.webhook.admission.k8s.io/round_0_index_%d", index), h.name)
		}
		return missed(ctx, h, failed)
	}
	return err
}
