package webhook

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/expression"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/matching"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
)

// Deps is what both plugins need.
type Deps struct {
	Matcher matching.Matcher
	// Mutating and Validating call the webhooks of either kind, each with the credentials that are configured for it.
	Mutating, Validating *webhookclient.Clients
	Environments         *expression.Environments
	// Authorizer is what match conditions may ask.
	Authorizer authorizer.Authorizer
	Metrics    *admission.Metrics
}

// New returns the two plugins.
func New(deps Deps) (*Mutating, *Validating) {
	return &Mutating{Deps: deps, caller: caller{clients: deps.Mutating}, source: source{of: mutating(), read: deps.mutatingHooks}},
		&Validating{Deps: deps, caller: caller{clients: deps.Validating, judges: true}, source: source{of: validating(), read: deps.validatingHooks}}
}

// concerns returns how a webhook sees the write, or nil where it is not to be asked.
func (d *Deps) concerns(ctx context.Context, h *hook, a *admission.Attributes) (*matching.Target, error) {
	if h.wrong != nil {
		return nil, apierrors.NewInternalError(h.wrong)
	}
	target, err := d.Matcher.Match(ctx, h.criteria, a)
	if err != nil || target == nil || len(h.conditions) == 0 {
		return target, err
	}
	write, err := expression.NewWrite(a, target)
	if err != nil {
		return nil, apierrors.NewInternalError(err)
	}
	evaluation := expression.NewEvaluation(ctx, expression.Input{Write: write, Authorizer: d.Authorizer}, nil, expression.ConditionsBudget)
	matched, err := h.conditions.Match(evaluation)
	switch {
	case err != nil && !h.failOpen:
		return nil, admission.Forbidden(a, err)
	case err != nil || !matched:
		return nil, nil
	}
	return target, nil
}
