package networking

import (
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// The longest name of a controller.
const maxControllerLength = 250

func validateIngressClass(c *networkingv1.IngressClass) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateController(c.Spec.Controller, path.Child("controller"))
	if c.Spec.Parameters != nil {
		errs = append(errs, validateIngressClassParameters(c.Spec.Parameters, path.Child("parameters"))...)
	}
	return errs
}

func validateIngressClassUpdate(c, old *networkingv1.IngressClass) field.ErrorList {
	path := field.NewPath("spec")
	errs := check.Immutable(path.Child("controller"), c.Spec.Controller, old.Spec.Controller)
	if c.Spec.Parameters != nil {
		errs = append(errs, validateIngressClassParameters(c.Spec.Parameters, path.Child("parameters"))...)
	}
	return errs
}

func validateController(name string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if len(name) > maxControllerLength {
		errs = append(errs, field.TooLong(path, name, maxControllerLength))
	}
	return append(errs, check.DomainPrefixed(path, name)...)
}

func validateIngressClassParameters(p *networkingv1.IngressClassParametersReference, path *field.Path) field.ErrorList {
	errs := validateReference(p.APIGroup, p.Kind, p.Name, path)
	namespace := ptr.Deref(p.Namespace, "")
	switch scope := ptr.Deref(p.Scope, ""); scope {
	case "":
		return append(errs, field.Required(path.Child("scope"), ""))
	case networkingv1.IngressClassParametersReferenceScopeNamespace:
		if namespace == "" {
			return append(errs, field.Required(path.Child("namespace"), "`parameters.scope` is set to 'Namespace'"))
		}
		return append(errs, check.Label(path.Child("namespace"), namespace)...)
	case networkingv1.IngressClassParametersReferenceScopeCluster:
		if p.Namespace != nil {
			errs = append(errs, field.Forbidden(path.Child("namespace"), "`parameters.scope` is set to 'Cluster'"))
		}
		return errs
	default:
		return append(errs, field.NotSupported(path.Child("scope"), scope, []string{
			networkingv1.IngressClassParametersReferenceScopeCluster, networkingv1.IngressClassParametersReferenceScopeNamespace}))
	}
}
