package webhook

import (
	"context"
	"slices"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
	"github.com/coxswain-k8s/coxswain/apiserver/admission/matching"
	"github.com/coxswain-k8s/coxswain/apiserver/webhookclient"
)

// shared is what both plugins need.
type shared struct {
	matcher matching.Matcher
	caller  caller
}

// New returns the two plugins.
func New(matcher matching.Matcher, clients *webhookclient.Clients) (*Mutating, *Validating) {
	s := &shared{matcher: matcher, caller: caller{clients: clients}}
	return &Mutating{shared: s, source: source{of: mutating(), read: mutatingHooks}},
		&Validating{shared: s, source: source{of: validating(), read: validatingHooks}}
}

// concerns returns how a webhook sees the write, or nil where it is not to be asked.
func (s *shared) concerns(ctx context.Context, h *hook, a *admission.Attributes) (*matching.Target, error) {
	if h.wrong != nil {
		return nil, apierrors.NewInternalError(h.wrong)
	}
	return s.matcher.Match(ctx, h.criteria, a)
}

// exempt are the resources by which admission is configured.
func exempt(a *admission.Attributes) bool {
	return a.Resource.Group == admissionregistrationv1.GroupName && slices.Contains([]string{
		"mutatingwebhookconfigurations", "validatingwebhookconfigurations", "mutatingadmissionpolicies", "mutatingadmissionpolicybindings",
		"validatingadmissionpolicies", "validatingadmissionpolicybindings",
	}, a.Resource.Name)
}
