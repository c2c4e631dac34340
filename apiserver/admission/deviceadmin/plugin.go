package deviceadmin

import (
	"context"

	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apiserver/admission"
)

// Name of the plugin in metrics.
const Name = "DeviceAdminAccess"

// Plugin refuses claims, and templates of claims, that ask for administrative access where they may not, and to allocate with it. What is
// stored cannot come to ask for it.
type Plugin struct {
	Lister admission.Lister
}

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	asked, name := asksFor(a)
	if asked == nil {
		return nil
	}
	namespace, err := admission.FindNamespace(ctx, p.Lister, a.Namespace)
	if err != nil || namespace.Labels[resourcev1.DRAAdminNamespaceLabelKey] == "true" {
		return err
	}
	return apierrors.NewInvalid(a.Kind.GroupKind(), name, field.ErrorList{field.Forbidden(asked.Child("adminAccess"),
		"admin access to devices requires the `"+resourcev1.DRAAdminNamespaceLabelKey+": true` label on the containing namespace")})
}

// asksFor is the first by which an object asks for administrative access that it does not have, nil for none, and the object's name.
func asksFor(a *admission.Attributes) (*field.Path, string) {
	switch of := a.Object.(type) {
	case *resourcev1.ResourceClaim:
		if a.Operation == admission.Update && a.Subresource == "status" {
			old, _ := a.Old.(*resourcev1.ResourceClaim)
			if old != nil && granted(old) != nil {
				return nil, "" // whoever allocated it was allowed to
			}
			return granted(of), of.Name
		}
		if a.Operation == admission.Create && a.Subresource == "" {
			return requested(of.Spec.Devices.Requests), of.Name
		}
	case *resourcev1.ResourceClaimTemplate:
		if a.Operation == admission.Create && a.Subresource == "" {
			return requested(of.Spec.Spec.Devices.Requests), of.Name
		}
	}
	return nil, ""
}

// requested is the first request for administrative access, as upstream says it: also of a template without the way to its claims.
func requested(requests []resourcev1.DeviceRequest) *field.Path {
	for i := range requests {
		if exactly := requests[i].Exactly; exactly != nil && ptr.Deref(exactly.AdminAccess, false) {
			return field.NewPath("spec", "devices", "requests").Index(i)
		}
	}
	return nil
}

// granted is the first device that a claim has with administrative access.
func granted(claim *resourcev1.ResourceClaim) *field.Path {
	if claim.Status.Allocation == nil {
		return nil
	}
	for i, result := range claim.Status.Allocation.Devices.Results {
		if ptr.Deref(result.AdminAccess, false) {
			return field.NewPath("status", "allocation", "devices", "results").Index(i)
		}
	}
	return nil
}
