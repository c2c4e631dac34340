package networking

import (
	"net"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

func validateNetworkPolicy(p *networkingv1.NetworkPolicy) field.ErrorList {
	return validatePolicySpec(&p.Spec, nil)
}

func validateNetworkPolicyUpdate(p, old *networkingv1.NetworkPolicy) field.ErrorList {
	return validatePolicySpec(&p.Spec, policyCIDRs(&old.Spec))
}

// validatePolicySpec checks a policy; the ranges in old may stay as they are.
func validatePolicySpec(spec *networkingv1.NetworkPolicySpec, old []string) field.ErrorList {
	path := field.NewPath("spec")
	errs := check.Selector(path.Child("podSelector"), &spec.PodSelector)
	for i, rule := range spec.Ingress {
		at := path.Child("ingress").Index(i)
		errs = append(errs, validatePolicyPorts(rule.Ports, at.Child("ports"))...)
		errs = append(errs, validatePolicyPeers(rule.From, old, at.Child("from"))...)
	}
	for i, rule := range spec.Egress {
		at := path.Child("egress").Index(i)
		errs = append(errs, validatePolicyPorts(rule.Ports, at.Child("ports"))...)
		errs = append(errs, validatePolicyPeers(rule.To, old, at.Child("to"))...)
	}
	types := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	at := path.Child("policyTypes")
	if len(spec.PolicyTypes) > len(types) {
		return append(errs, field.Invalid(at, spec.PolicyTypes, "may not specify more than two policyTypes"))
	}
	for i, one := range spec.PolicyTypes {
		errs = append(errs, check.OneOf(at.Index(i), one, types...)...)
	}
	return errs
}

func validatePolicyPorts(ports []networkingv1.NetworkPolicyPort, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range ports {
		port, at := &ports[i], path.Index(i)
		if port.Protocol != nil {
			errs = append(errs, check.OneOf(at.Child("protocol"), *port.Protocol, corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)...)
		}
		if port.Port != nil {
			errs = append(errs, check.PortOrName(at.Child("port"), *port.Port)...)
		}
		if port.EndPort != nil {
			errs = append(errs, validateEndPort(port, at.Child("endPort"))...)
		}
	}
	return errs
}

func validateEndPort(port *networkingv1.NetworkPolicyPort, path *field.Path) field.ErrorList {
	end := *port.EndPort
	switch {
	case port.Port == nil:
		return field.ErrorList{field.Invalid(path, end, "may not be specified when `port` is not specified")}
	case port.Port.Type == intstr.String:
		return field.ErrorList{field.Invalid(path, end, "may not be specified when `port` is non-numeric")}
	}
	var errs field.ErrorList
	if end < port.Port.IntVal {
		errs = append(errs, field.Invalid(path, port.Port.IntVal, "must be greater than or equal to `port`"))
	}
	return append(errs, check.Port(path, end)...)
}

func validatePolicyPeers(peers []networkingv1.NetworkPolicyPeer, old []string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i := range peers {
		errs = append(errs, validatePolicyPeer(&peers[i], old, path.Index(i))...)
	}
	return errs
}

func validatePolicyPeer(peer *networkingv1.NetworkPolicyPeer, old []string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	selects := peer.PodSelector != nil || peer.NamespaceSelector != nil
	if peer.PodSelector != nil {
		errs = append(errs, check.Selector(path.Child("podSelector"), peer.PodSelector)...)
	}
	if peer.NamespaceSelector != nil {
		errs = append(errs, check.Selector(path.Child("namespaceSelector"), peer.NamespaceSelector)...)
	}
	if peer.IPBlock != nil {
		errs = append(errs, validateIPBlock(peer.IPBlock, old, path.Child("ipBlock"))...)
	}
	switch {
	case !selects && peer.IPBlock == nil:
		errs = append(errs, field.Required(path, "must specify a peer"))
	case selects && peer.IPBlock != nil:
		errs = append(errs, field.Forbidden(path, "may not specify both ipBlock and another peer"))
	}
	return errs
}

func validateIPBlock(block *networkingv1.IPBlock, old []string, path *field.Path) field.ErrorList {
	if block.CIDR == "" {
		return field.ErrorList{field.Required(path.Child("cidr"), "")}
	}
	if errs := check.CIDR(path.Child("cidr"), block.CIDR, old...); len(errs) > 0 {
		return errs
	}
	_, outer, err := netutils.ParseCIDRSloppy(block.CIDR)
	if err != nil {
		return field.ErrorList{field.Invalid(path.Child("cidr"), block.CIDR, err.Error())}
	}
	var errs field.ErrorList
	for i, except := range block.Except {
		at := path.Child("except").Index(i)
		if bad := check.CIDR(at, except, old...); len(bad) > 0 {
			errs = append(errs, bad...)
			continue
		}
		if _, inner, err := netutils.ParseCIDRSloppy(except); err != nil || !isInside(inner, outer) {
			errs = append(errs, field.Invalid(at, except, "must be a strict subset of `cidr`"))
		}
	}
	return errs
}

// isInside says whether the outer range holds the inner one and is larger.
func isInside(inner, outer *net.IPNet) bool {
	innerOnes, innerBits := inner.Mask.Size()
	outerOnes, outerBits := outer.Mask.Size()
	return innerBits == outerBits && innerOnes > outerOnes && outer.Contains(inner.IP)
}

// warnNetworkPolicy tells of ranges that are not spelled as they should be.
func warnNetworkPolicy(p, _ *networkingv1.NetworkPolicy) []string {
	var warnings []string
	eachBlock(&p.Spec, func(block *networkingv1.IPBlock, path *field.Path) {
		warnings = append(warnings, warnCIDR(path.Child("cidr"), block.CIDR)...)
		for i, except := range block.Except {
			warnings = append(warnings, warnCIDR(path.Child("except").Index(i), except)...)
		}
	})
	return warnings
}

func warnCIDR(path *field.Path, cidr string) []string {
	if _, _, err := netutils.ParseCIDRSloppy(cidr); err != nil {
		return nil // it is refused
	}
	return validation.GetWarningsForCIDR(path, cidr)
}

func policyCIDRs(spec *networkingv1.NetworkPolicySpec) []string {
	var out []string
	eachBlock(spec, func(block *networkingv1.IPBlock, _ *field.Path) {
		out = append(append(out, block.CIDR), block.Except...)
	})
	return out
}

func eachBlock(spec *networkingv1.NetworkPolicySpec, visit func(*networkingv1.IPBlock, *field.Path)) {
	peers := func(peers []networkingv1.NetworkPolicyPeer, path *field.Path) {
		for i := range peers {
			if block := peers[i].IPBlock; block != nil {
				visit(block, path.Index(i).Child("ipBlock"))
			}
		}
	}
	for i := range spec.Ingress {
		peers(spec.Ingress[i].From, field.NewPath("spec", "ingress").Index(i).Child("from"))
	}
	for i := range spec.Egress {
		peers(spec.Egress[i].To, field.NewPath("spec", "egress").Index(i).Child("to"))
	}
}
