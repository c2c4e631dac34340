package services

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

var specPath = field.NewPath("spec")

func familyOf(address netip.Addr) corev1.IPFamily {
	if address.Is4() {
		return corev1.IPv4Protocol
	}
	return corev1.IPv6Protocol
}

func other(family corev1.IPFamily) corev1.IPFamily {
	if family == corev1.IPv4Protocol {
		return corev1.IPv6Protocol
	}
	return corev1.IPv4Protocol
}

// families of the cluster, the primary one first.
func (r Ranges) families() []corev1.IPFamily {
	var all []corev1.IPFamily
	for _, cidr := range r.CIDRs {
		if f := familyOf(cidr.Addr()); !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	return all
}

// cidrs are what addresses of a family are taken from: the server's own range, and those that were added to it.
func (a *Allocator) cidrs(family corev1.IPFamily) []netip.Prefix {
	all := slices.Clone(a.CIDRs)
	if a.More != nil {
		all = append(all, a.More()...)
	}
	var out []netip.Prefix
	for _, cidr := range all {
		if familyOf(cidr.Addr()) == family && !slices.Contains(out, cidr) {
			out = append(out, cidr)
		}
	}
	return out
}

// setFamilies decides on ipFamilies and ipFamilyPolicy.
func (a *Allocator) setFamilies(service, old *corev1.Service) field.ErrorList {
	spec := &service.Spec
	if !needsClusterIP(service) {
		return nil
	}
	if errs := a.checkAddresses(spec); len(errs) > 0 {
		return errs
	}
	if old != nil && !needsClusterIP(old) {
		old = nil // from ExternalName: as if new
	}
	if old != nil && spec.IPFamilyPolicy == nil {
		spec.IPFamilyPolicy = old.Spec.IPFamilyPolicy
	}
	if old != nil && len(spec.IPFamilies) == 0 {
		spec.IPFamilies = slices.Clone(old.Spec.IPFamilies)
	}
	downgrade(spec, old)
	if errs := append(checkRelease(spec, old), checkFamilies(spec)...); len(errs) > 0 {
		return errs
	}
	if headless(service) && len(spec.Selector) == 0 {
		a.setHeadlessWithoutSelector(spec)
		return nil
	}
	if spec.IPFamilyPolicy == nil {
		spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicySingleStack)
	}
	return a.fillFamilies(service)
}

// downgrade gives up the second family when the policy says so now.
func downgrade(spec *corev1.ServiceSpec, old *corev1.Service) {
	if old == nil || ptr.Deref(spec.IPFamilyPolicy, "") != corev1.IPFamilyPolicySingleStack {
		return
	}
	if len(spec.ClusterIPs) > 1 && slices.Equal(spec.ClusterIPs, old.Spec.ClusterIPs) {
		spec.ClusterIPs = spec.ClusterIPs[:1]
	}
	if len(spec.IPFamilies) > 1 && slices.Equal(spec.IPFamilies, old.Spec.IPFamilies) {
		spec.IPFamilies = spec.IPFamilies[:1]
	}
}

// checkRelease lets the second family go only with a policy that has no use for it.
func checkRelease(spec *corev1.ServiceSpec, old *corev1.Service) field.ErrorList {
	policy := ptr.Deref(spec.IPFamilyPolicy, corev1.IPFamilyPolicySingleStack)
	if old == nil || policy == corev1.IPFamilyPolicySingleStack {
		return nil
	}
	var errs field.ErrorList
	if len(old.Spec.ClusterIPs) == 2 && len(spec.ClusterIPs) == 1 {
		errs = append(errs, field.Invalid(specPath.Child("ipFamilyPolicy"), policy, "must be 'SingleStack' to release the secondary cluster IP"))
	}
	if len(old.Spec.IPFamilies) == 2 && len(spec.IPFamilies) == 1 {
		errs = append(errs, field.Invalid(specPath.Child("ipFamilyPolicy"), policy, "must be 'SingleStack' to release the secondary IP family"))
	}
	return errs
}

func (a *Allocator) setHeadlessWithoutSelector(spec *corev1.ServiceSpec) {
	if spec.IPFamilyPolicy == nil {
		spec.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyRequireDualStack)
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{a.families()[0]}
	}
	if *spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack && len(spec.IPFamilies) == 1 {
		spec.IPFamilies = append(spec.IPFamilies, other(spec.IPFamilies[0]))
	}
}

// checkAddresses wants the older, single address to be the first of the list, and one address of a family.
func (a *Allocator) checkAddresses(spec *corev1.ServiceSpec) field.ErrorList {
	if len(spec.ClusterIPs) == 0 {
		return nil
	}
	var errs field.ErrorList
	path := specPath.Child("clusterIPs")
	switch spec.ClusterIP {
	case spec.ClusterIPs[0]:
	case "":
		errs = append(errs, field.Invalid(path, spec.ClusterIPs, "must be empty when `clusterIP` is not specified"))
	default:
		errs = append(errs, field.Invalid(path, spec.ClusterIPs, "first value must match `clusterIP`"))
	}
	var seen []corev1.IPFamily
	for i, text := range spec.ClusterIPs {
		address, err := netip.ParseAddr(text)
		if err != nil {
			continue // the validation tells
		}
		family := familyOf(address)
		if slices.Contains(seen, family) {
			errs = append(errs, field.Invalid(path, spec.ClusterIPs, "may specify no more than one IP for each IP family"))
		}
		if !slices.Contains(a.families(), family) {
			errs = append(errs, field.Invalid(path.Index(i), spec.ClusterIPs, fmt.Sprintf("%s is not configured on this cluster", family)))
		}
		seen = append(seen, family)
	}
	return errs
}

func checkFamilies(spec *corev1.ServiceSpec) field.ErrorList {
	var errs field.ErrorList
	if single := ptr.Deref(spec.IPFamilyPolicy, corev1.IPFamilyPolicySingleStack); single == corev1.IPFamilyPolicySingleStack {
		path := specPath.Child("ipFamilyPolicy")
		if len(spec.IPFamilies) > 1 {
			errs = append(errs, field.Invalid(path, single, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified"))
		}
		if len(spec.ClusterIPs) > 1 {
			errs = append(errs, field.Invalid(path, single, "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified"))
		}
	}
	for i, family := range spec.IPFamilies {
		if slices.Contains(spec.IPFamilies[:i], family) {
			errs = append(errs, field.Duplicate(specPath.Child("ipFamilies").Index(i), family))
		}
	}
	for i, text := range spec.ClusterIPs {
		path := specPath.Child("clusterIPs").Index(i)
		address, err := netip.ParseAddr(text)
		switch {
		case text == corev1.ClusterIPNone || text == "":
		case err != nil:
			errs = append(errs, field.Invalid(path, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"))
		case i < len(spec.IPFamilies) && spec.IPFamilies[i] != familyOf(address):
			errs = append(errs, field.Invalid(path, text, fmt.Sprintf("expected an %s value as indicated by `ipFamilies[%d]`", spec.IPFamilies[i], i)))
		}
	}
	return errs
}

// fillFamilies completes ipFamilies from the addresses, the cluster and the policy.
func (a *Allocator) fillFamilies(service *corev1.Service) field.ErrorList {
	spec, known := &service.Spec, a.families()
	for i, text := range spec.ClusterIPs {
		if address, err := netip.ParseAddr(text); err == nil && i >= len(spec.IPFamilies) {
			spec.IPFamilies = append(spec.IPFamilies, familyOf(address))
		}
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{known[0]}
	}
	var errs field.ErrorList
	if !headless(service) || len(spec.Selector) > 0 {
		for i, family := range spec.IPFamilies {
			if !slices.Contains(known, family) {
				errs = append(errs, field.Invalid(specPath.Child("ipFamilies").Index(i), family, "not configured on this cluster"))
			}
		}
	}
	policy := *spec.IPFamilyPolicy
	if policy == corev1.IPFamilyPolicyRequireDualStack && len(known) < 2 {
		errs = append(errs, field.Invalid(specPath.Child("ipFamilyPolicy"), policy, "this cluster is not configured for dual-stack services"))
	}
	if policy != corev1.IPFamilyPolicySingleStack && len(spec.IPFamilies) == 1 && len(known) == 2 {
		spec.IPFamilies = append(spec.IPFamilies, other(spec.IPFamilies[0]))
	}
	return errs
}
