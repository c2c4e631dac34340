package alwaysdeny

import (
	"context"
	"errors"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Plugin is AlwaysDeny, which is off unless asked for.
type Plugin struct{}

// Admit refuses.
func (Plugin) Admit(_ context.Context, a *admission.Attributes) error {
	return admission.Forbidden(a, errors.New("admission control is denying all modifications"))
}

// Validate refuses.
func (p Plugin) Validate(ctx context.Context, a *admission.Attributes) error { return p.Admit(ctx, a) }
