package core

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/podspec"
)

// warnPod looks at new pods alone: what runs cannot be changed any more.
func warnPod(p, old *corev1.Pod) []string {
	if old != nil {
		return nil
	}
	return append(podspec.HostnameWarning(p.Name, "the Pod's hostname"), podspec.Warnings(&p.ObjectMeta, &p.Spec, nil)...)
}

func warnPodTemplate(p, old *corev1.PodTemplate) []string {
	if old != nil && old.Generation == p.Generation {
		return nil
	}
	return podspec.TemplateWarnings(&p.Template, field.NewPath("template"))
}

func warnReplicationController(rc, old *corev1.ReplicationController) []string {
	var warnings []string
	if old == nil {
		warnings = podspec.PodsNameWarning(rc.Name)
	} else if old.Generation == rc.Generation {
		return nil
	}
	if rc.Spec.Template != nil {
		warnings = append(warnings, podspec.TemplateWarnings(rc.Spec.Template, field.NewPath("spec", "template"))...)
	}
	return warnings
}

func warnNode(n, _ *corev1.Node) []string {
	var warnings []string
	path := field.NewPath("spec")
	if n.Spec.ConfigSource != nil {
		warnings = append(warnings, path.Child("configSource").String()+": the feature is no longer supported and will not be honored")
	}
	if n.Spec.DoNotUseExternalID != "" {
		warnings = append(warnings, path.Child("externalID").String()+": this field is deprecated, and is unused by Kubernetes")
	}
	for i, cidr := range n.Spec.PodCIDRs {
		warnings = append(warnings, validation.GetWarningsForCIDR(path.Child("podCIDRs").Index(i), cidr)...)
	}
	return warnings
}

func warnEndpoints(e, _ *corev1.Endpoints) []string {
	var warnings []string
	for i := range e.Subsets {
		path := field.NewPath("subsets").Index(i)
		for j, address := range e.Subsets[i].Addresses {
			warnings = append(warnings, validation.GetWarningsForIP(path.Child("addresses").Index(j).Child("ip"), address.IP)...)
		}
		for j, address := range e.Subsets[i].NotReadyAddresses {
			warnings = append(warnings, validation.GetWarningsForIP(path.Child("notReadyAddresses").Index(j).Child("ip"), address.IP)...)
		}
	}
	return warnings
}

// mountableSecrets asks that pods mount no secrets but those that the account lists.
const mountableSecrets = "kubernetes.io/enforce-mountable-secrets"

func warnServiceAccount(a, old *corev1.ServiceAccount) []string {
	_, has := a.Annotations[mountableSecrets]
	if old != nil {
		if _, had := old.Annotations[mountableSecrets]; had {
			return nil
		}
	}
	if !has {
		return nil
	}
	return []string{field.NewPath("metadata", "annotations").Key(mountableSecrets).String() +
		": deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"}
}

func warnService(s, _ *corev1.Service) []string {
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
	warnings = append(warnings, serviceIPWarnings(spec, path)...)
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

func serviceIPWarnings(spec *corev1.ServiceSpec, path *field.Path) []string {
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
