package service

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func warn(s, _ *corev1.Service) []string {
	var warnings []string
	spec, path := &s.Spec, field.NewPath("spec")
	ignored := func(why string) {
		warnings = append(warnings, why)
	}
	headless, external := spec.ClusterIP == corev1.ClusterIPNone, spec.Type == corev1.ServiceTypeExternalName
	if headless {
		if spec.LoadBalancerIP != "" {
			ignored("spec.loadBalancerIP is ignored for headless services")
		}
		if len(spec.ExternalIPs) > 0 {
			ignored("spec.externalIPs is ignored for headless services")
		}
		if spec.SessionAffinity != "" && spec.SessionAffinity != corev1.ServiceAffinityNone {
			ignored("spec.SessionAffinity is ignored for headless services")
		}
	}
	warnings = append(warnings, addressWarnings(spec, path)...)
	switch {
	case len(spec.ExternalIPs) == 0:
	case external:
		ignored(`spec.externalIPs is ignored when spec.type is "ExternalName"`)
	case !headless:
		ignored("spec.externalIPs is deprecated and may no longer be implemented in some clusters")
	}
	warnings = append(warnings, balancerWarnings(spec, path)...)
	if !external && spec.ExternalName != "" {
		ignored(`spec.externalName is ignored when spec.type is not "ExternalName"`)
	}
	if spec.TrafficDistribution != nil && *spec.TrafficDistribution == corev1.ServiceTrafficDistributionPreferClose {
		ignored(fmt.Sprintf("%s: %q is deprecated; use %q", path.Child("trafficDistribution"), corev1.ServiceTrafficDistributionPreferClose, corev1.ServiceTrafficDistributionPreferSameZone))
	}
	return warnings
}

func addressWarnings(spec *corev1.ServiceSpec, path *field.Path) []string {
	var warnings []string
	if spec.ClusterIP != corev1.ClusterIPNone {
		for i, ip := range spec.ClusterIPs {
			warnings = append(warnings, validation.GetWarningsForIP(path.Child("clusterIPs").Index(i), ip)...)
		}
	}
	for i, ip := range spec.ExternalIPs {
		warnings = append(warnings, validation.GetWarningsForIP(path.Child("externalIPs").Index(i), ip)...)
	}
	return warnings
}

func balancerWarnings(spec *corev1.ServiceSpec, path *field.Path) []string {
	var warnings []string
	if spec.LoadBalancerIP != "" && len(validation.IsValidIPForLegacyField(path, spec.LoadBalancerIP, true, nil)) == 0 {
		warnings = append(warnings, validation.GetWarningsForIP(path.Child("loadBalancerIP"), spec.LoadBalancerIP)...)
	}
	for i, cidr := range spec.LoadBalancerSourceRanges {
		warnings = append(warnings, validation.GetWarningsForCIDR(path.Child("loadBalancerSourceRanges").Index(i), cidr)...)
	}
	return warnings
}
