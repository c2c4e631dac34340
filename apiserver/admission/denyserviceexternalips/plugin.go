package denyserviceexternalips

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

var services = schema.GroupResource{Resource: "services"}

// Plugin is DenyServiceExternalIPs, which is off unless asked for.
type Plugin struct{}

// Validate refuses addresses that the stored service does not have yet: some may be kept, or taken away.
func (Plugin) Validate(_ context.Context, a *admission.Attributes) error {
	service, ok := a.Object.(*corev1.Service)
	if !ok || !a.Is(services, "", admission.Create, admission.Update) {
		return nil
	}
	var before []string
	if old, ok := a.Old.(*corev1.Service); ok {
		before = old.Spec.ExternalIPs
	}
	added := func(ip string) bool { return !slices.Contains(before, ip) }
	if slices.ContainsFunc(service.Spec.ExternalIPs, added) {
		return apierrors.NewForbidden(services, service.Name, errors.New("Use of external IPs is denied by admission control.")) //nolint:staticcheck // upstream's words
	}
	return nil
}
