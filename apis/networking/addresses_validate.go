package networking

import (
	networkingv1 "k8s.io/api/networking/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// The ranges of one ServiceCIDR: one for each family.
const maxServiceCIDRs = 2

// validateIPAddressName wants an address in the one spelling that all agree on.
func validateIPAddressName(name string, _ bool) []string {
	var out []string
	for _, err := range validation.IsValidIP(&field.Path{}, name) {
		out = append(out, err.Detail)
	}
	return out
}

func validateIPAddress(a *networkingv1.IPAddress) field.ErrorList {
	path, ref := field.NewPath("spec", "parentRef"), a.Spec.ParentRef
	if ref == nil {
		return field.ErrorList{field.Required(path, "")}
	}
	var errs field.ErrorList
	if ref.Group != "" {
		errs = append(errs, check.Subdomain(path.Child("group"), ref.Group)...)
	}
	errs = append(errs, check.RequiredSegment(path.Child("resource"), ref.Resource)...)
	errs = append(errs, check.RequiredSegment(path.Child("name"), ref.Name)...)
	if ref.Namespace != "" {
		errs = append(errs, check.Segment(path.Child("namespace"), ref.Namespace)...)
	}
	return errs
}

// parentText is how a reference that changed is printed.
type parentText struct{ Group, Resource, Namespace, Name string }

func validateIPAddressUpdate(a, old *networkingv1.IPAddress) field.ErrorList {
	return check.Immutable(field.NewPath("spec", "parentRef"), parentOf(a), parentOf(old))
}

func parentOf(a *networkingv1.IPAddress) *parentText {
	ref := a.Spec.ParentRef
	if ref == nil {
		return nil
	}
	return &parentText{Group: ref.Group, Resource: ref.Resource, Namespace: ref.Namespace, Name: ref.Name}
}

// serviceCIDRText is how a specification with too many ranges is printed.
type serviceCIDRText struct{ CIDRs []string }

func validateServiceCIDR(c *networkingv1.ServiceCIDR) field.ErrorList {
	path, cidrs := field.NewPath("spec", "cidrs"), c.Spec.CIDRs
	switch {
	case len(cidrs) == 0:
		return field.ErrorList{field.Required(path, "at least one CIDR required")}
	case len(cidrs) > maxServiceCIDRs:
		return field.ErrorList{field.Invalid(path, serviceCIDRText{CIDRs: cidrs}, "may only hold up to 2 values")}
	}
	var errs field.ErrorList
	if len(cidrs) == maxServiceCIDRs {
		dual, err := netutils.IsDualStackCIDRStrings(cidrs)
		if err == nil && !dual {
			errs = append(errs, field.Invalid(path, cidrs, "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"))
		}
	}
	for i, cidr := range cidrs {
		errs = append(errs, validation.IsValidCIDR(path.Index(i), cidr)...)
	}
	return errs
}

// validateServiceCIDRUpdate lets a range of the other family be added, and nothing else be changed.
func validateServiceCIDRUpdate(c, old *networkingv1.ServiceCIDR) field.ErrorList {
	path := field.NewPath("spec", "cidrs")
	if len(old.Spec.CIDRs) != 1 || len(c.Spec.CIDRs) != maxServiceCIDRs {
		var errs field.ErrorList
		for i := range old.Spec.CIDRs {
			if i < len(c.Spec.CIDRs) {
				errs = append(errs, apivalidation.ValidateImmutableField(c.Spec.CIDRs[i], old.Spec.CIDRs[i], path.Index(i))...)
			}
		}
		if len(old.Spec.CIDRs) != len(c.Spec.CIDRs) {
			errs = append(errs, apivalidation.ValidateImmutableField(c.Spec.CIDRs, old.Spec.CIDRs, path)...)
		}
		return errs
	}
	errs := apivalidation.ValidateImmutableField(c.Spec.CIDRs[0], old.Spec.CIDRs[0], path.Index(0))
	return append(errs, validateServiceCIDR(c)...)
}
