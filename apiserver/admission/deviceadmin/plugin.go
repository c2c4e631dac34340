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

// Plugin refuses claims, and templates of claims, that ask for administrative access where they may not. What is stored cannot change it.
type Plugin struct {
	Lister admission.Lister
}

// Validate implements admission.Validator.
func (p *Plugin) Validate(ctx context.Context, a *admission.Attributes) error {
	if a.Operation != admission.Create || a.Subresource != "" {
		return nil
	}
	var errs field.ErrorList
	name := ""
	switch of := a.Object.(type) {
	case *resourcev1.ResourceClaim:
		name, errs = of.Name, asked(of.Spec.Devices.Requests, field.NewPath("spec", "devices", "requests"))
	case *resourcev1.ResourceClaimTemplate:
		name, errs = of.Name, asked(of.Spec.Spec.Devices.Requests, field.NewPath("spec", "spec", "devices", "requests"))
	}
	if len(errs) == 0 {
		return nil
	}
	namespace, err := admission.FindNamespace(ctx, p.Lister, a.Namespace)
	if err != nil || namespace.Labels[resourcev1.DRAAdminNamespaceLabelKey] == "true" {
		return err
	}
	return apierrors.NewInvalid(a.Kind.GroupKind(), name, errs)
}

// asked are the refusals of all requests for administrative access.
func asked(requests []resourcev1.DeviceRequest, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range requests {
		if exactly := requests[i].Exactly; exactly != nil && ptr.Deref(exactly.AdminAccess, false) {
			errs = append(errs, field.Forbidden(path.Index(i).Child("adminAccess"),
				"admin access to devices requires the `"+resourcev1.DRAAdminNamespaceLabelKey+": true` label on the containing namespace"))
		}
	}
	return errs
}
