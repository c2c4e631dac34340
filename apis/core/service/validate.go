package service

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// The longest time in seconds that a client may stick to an endpoint.
const maxAffinitySeconds = 86400

func validate(s *corev1.Service) field.ErrorList {
	path, spec := field.NewPath("spec"), &s.Spec
	errs := validatePorts(spec, path.Child("ports"))
	errs = append(errs, check.Labels(path.Child("selector"), spec.Selector)...)
	errs = append(errs, validateType(spec, path)...)
	errs = append(errs, validateAffinityConfig(spec, path)...)
	errs = append(errs, validateClusterIPs(spec, path.Child("clusterIPs"))...)
	for i, ip := range spec.ExternalIPs {
		at := path.Child("externalIPs").Index(i)
		if bad := validation.IsValidIPForLegacyField(at, ip, true, nil); len(bad) > 0 {
			errs = append(errs, bad...)
		} else {
			errs = append(errs, nonSpecialIP(ip, at)...)
		}
	}
	errs = append(errs, validateBalancer(spec, path)...)
	errs = append(errs, validateTraffic(spec, path)...)
	if d := spec.TrafficDistribution; d != nil {
		errs = append(errs, check.OneOf(path.Child("trafficDistribution"), *d, corev1.ServiceTrafficDistributionPreferClose, "PreferSameZone", "PreferSameNode")...)
	}
	return errs
}

// validateType checks what each type of Service allows.
func validateType(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	at := path.Child("type")
	switch spec.Type {
	case "":
		return field.ErrorList{field.Required(at, "")}
	case corev1.ServiceTypeExternalName:
		return validateExternalName(spec, path)
	case corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort:
		return validateExposed(spec, path)
	case corev1.ServiceTypeClusterIP:
		var errs field.ErrorList
		for i, port := range spec.Ports {
			if port.NodePort != 0 {
				errs = append(errs, field.Forbidden(path.Child("ports").Index(i).Child("nodePort"), "may not be used when `type` is 'ClusterIP'"))
			}
		}
		return errs
	}
	return check.OneOf(at, spec.Type, corev1.ServiceTypeClusterIP, corev1.ServiceTypeExternalName, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort)
}

// validateExternalName checks a Service that is another name of something outside.
func validateExternalName(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if len(spec.ClusterIPs) > 0 {
		errs = append(errs, field.Forbidden(path.Child("clusterIPs"), "may not be set for ExternalName services"))
	}
	if len(spec.IPFamilies) > 0 {
		errs = append(errs, field.Forbidden(path.Child("ipFamilies"), "may not be set for ExternalName services"))
	}
	if spec.IPFamilyPolicy != nil {
		errs = append(errs, field.Forbidden(path.Child("ipFamilyPolicy"), "may not be set for ExternalName services"))
	}
	return append(errs, check.RequiredSubdomain(path.Child("externalName"), strings.TrimSuffix(spec.ExternalName, "."))...)
}

// validateExposed checks a Service that is reached from outside.
func validateExposed(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, port := range spec.Ports {
		if spec.Type == corev1.ServiceTypeLoadBalancer && port.Port == kubeletPort {
			errs = append(errs, field.Invalid(path.Child("ports").Index(i), port.Port, fmt.Sprintf("may not expose port %v externally since it is used by kubelet", kubeletPort)))
		}
	}
	if len(spec.ClusterIPs) > 0 && spec.ClusterIPs[0] == corev1.ClusterIPNone {
		errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(0), spec.ClusterIPs[0], fmt.Sprintf("may not be set to 'None' for %s services", spec.Type)))
	}
	return errs
}

// The port of the kubelet, which a load balancer may not take.
const kubeletPort = 10250

// portText is how a port is printed when it is there twice.
type portText struct {
	Name        string
	Protocol    corev1.Protocol
	AppProtocol *string
	Port        int32
	TargetPort  intstr.IntOrString
	NodePort    int32
}

func validatePorts(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	headless := len(spec.ClusterIPs) > 0 && spec.ClusterIPs[0] == corev1.ClusterIPNone
	if len(spec.Ports) == 0 && !headless && spec.Type != corev1.ServiceTypeExternalName {
		return field.ErrorList{field.Required(path, "")}
	}
	type key struct {
		protocol corev1.Protocol
		port     int32
	}
	var errs field.ErrorList
	names, ports, nodePorts := sets.New[string](), sets.New[key](), sets.New[key]()
	for i := range spec.Ports {
		port, at := &spec.Ports[i], path.Index(i)
		errs = append(errs, validatePort(port, len(spec.Ports) > 1, names, at)...)
		k := key{port.Protocol, port.Port}
		if ports.Has(k) {
			errs = append(errs, field.Duplicate(at, portText{Protocol: port.Protocol, Port: port.Port}))
		}
		ports.Insert(k)
		if k := (key{port.Protocol, port.NodePort}); port.NodePort != 0 {
			if nodePorts.Has(k) {
				errs = append(errs, field.Duplicate(at.Child("nodePort"), port.NodePort))
			}
			nodePorts.Insert(k)
		}
	}
	return errs
}

func validatePort(port *corev1.ServicePort, named bool, names sets.Set[string], path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case named && port.Name == "":
		errs = append(errs, field.Required(path.Child("name"), ""))
	case port.Name != "":
		errs = append(errs, check.Label(path.Child("name"), port.Name)...)
		if names.Has(port.Name) {
			errs = append(errs, field.Duplicate(path.Child("name"), port.Name))
		}
		names.Insert(port.Name)
	}
	errs = append(errs, check.Port(path.Child("port"), port.Port)...)
	errs = append(errs, check.RequiredOneOf(path.Child("protocol"), port.Protocol, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
	errs = append(errs, check.PortOrName(path.Child("targetPort"), port.TargetPort)...)
	if port.AppProtocol != nil {
		errs = append(errs, check.QualifiedName(path.Child("appProtocol"), *port.AppProtocol)...)
	}
	return errs
}

func validateAffinityConfig(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	errs := check.RequiredOneOf(path.Child("sessionAffinity"), spec.SessionAffinity, corev1.ServiceAffinityClientIP, corev1.ServiceAffinityNone)
	at := path.Child("sessionAffinityConfig")
	switch config := spec.SessionAffinityConfig; spec.SessionAffinity {
	case corev1.ServiceAffinityNone:
		if config != nil {
			errs = append(errs, field.Forbidden(at, fmt.Sprintf("must not be set when session affinity is %s", corev1.ServiceAffinityNone)))
		}
	case corev1.ServiceAffinityClientIP:
		if config == nil || config.ClientIP == nil || config.ClientIP.TimeoutSeconds == nil {
			return append(errs, field.Required(at, "when session affinity type is ClientIP"))
		}
		if seconds := *config.ClientIP.TimeoutSeconds; seconds <= 0 || seconds > maxAffinitySeconds {
			errs = append(errs, field.Invalid(at.Child("clientIP", "timeoutSeconds"), seconds, fmt.Sprintf("must be greater than 0 and less than %d", maxAffinitySeconds)))
		}
	}
	return errs
}

func validateClusterIPs(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	if !hasClusterIP(spec) || len(spec.ClusterIPs) == 0 {
		return nil
	}
	var errs field.ErrorList
	if spec.ClusterIPs[0] != spec.ClusterIP {
		errs = append(errs, field.Invalid(path, spec.ClusterIPs, "first value must match `clusterIP`"))
	}
	if len(spec.ClusterIPs) > 2 {
		errs = append(errs, field.Invalid(path, spec.ClusterIPs, "may only hold up to 2 values"))
	}
	for i, ip := range spec.ClusterIPs {
		if i == 0 && ip == corev1.ClusterIPNone {
			if len(spec.ClusterIPs) > 1 {
				return append(errs, field.Invalid(path.Index(0), ip, "'None' must be the first and only value"))
			}
			return errs
		}
		errs = append(errs, validation.IsValidIPForLegacyField(path.Index(i), ip, true, nil)...)
	}
	return errs
}

// nonSpecialIP refuses addresses that lead nowhere, or to the node itself.
func nonSpecialIP(text string, path *field.Path) field.ErrorList {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return field.ErrorList{field.Invalid(path, text, "must be a valid IP address")}
	}
	for _, special := range []struct {
		is     bool
		detail string
	}{
		{ip.IsUnspecified(), fmt.Sprintf("may not be unspecified (%v)", text)},
		{ip.IsLoopback(), "may not be in the loopback range (127.0.0.0/8, ::1/128)"},
		{ip.IsLinkLocalUnicast(), "may not be in the link-local range (169.254.0.0/16, fe80::/10)"},
		{ip.IsLinkLocalMulticast(), "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"},
	} {
		if special.is {
			return field.ErrorList{field.Invalid(path, text, special.detail)}
		}
	}
	return nil
}

func validateBalancer(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	const only = "may only be used when `type` is 'LoadBalancer'"
	balanced := spec.Type == corev1.ServiceTypeLoadBalancer
	var errs field.ErrorList
	ranges := path.Child("LoadBalancerSourceRanges")
	if len(spec.LoadBalancerSourceRanges) > 0 && !balanced {
		errs = append(errs, field.Forbidden(ranges, only))
	}
	for i, cidr := range spec.LoadBalancerSourceRanges {
		errs = append(errs, validation.IsValidCIDRForLegacyField(ranges.Index(i), strings.TrimSpace(cidr), true, nil)...)
	}
	if spec.AllocateLoadBalancerNodePorts != nil && !balanced {
		errs = append(errs, field.Forbidden(path.Child("allocateLoadBalancerNodePorts"), only))
	}
	if balanced && spec.AllocateLoadBalancerNodePorts == nil {
		errs = append(errs, field.Required(path.Child("allocateLoadBalancerNodePorts"), ""))
	}
	if class := spec.LoadBalancerClass; class != nil {
		if !balanced {
			errs = append(errs, field.Forbidden(path.Child("loadBalancerClass"), only))
		}
		errs = append(errs, check.QualifiedName(path.Child("loadBalancerClass"), *class)...)
	}
	return errs
}

func validateTraffic(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	external, at := spec.ExternalTrafficPolicy, path.Child("externalTrafficPolicy")
	switch {
	case !externallyReachable(spec):
		if external != "" {
			errs = append(errs, field.Invalid(at, external, "may only be set for externally-accessible services"))
		}
	case external == "":
		errs = append(errs, field.Required(at, ""))
	default:
		errs = append(errs, check.OneOf(at, external, corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal)...)
	}
	if port := spec.HealthCheckNodePort; port != 0 && !hasHealthCheckPort(spec) {
		errs = append(errs, field.Invalid(path.Child("healthCheckNodePort"), port, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
	} else if port < 0 {
		errs = append(errs, field.Invalid(path.Child("healthCheckNodePort"), port, "must be greater than or equal to 0"))
	}
	if policy := spec.IPFamilyPolicy; policy != nil && spec.Type != corev1.ServiceTypeExternalName {
		errs = append(errs, check.OneOf(path.Child("ipFamilyPolicy"), *policy, corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack, corev1.IPFamilyPolicySingleStack)...)
	}
	if hasClusterIP(spec) {
		at := path.Child("internalTrafficPolicy")
		if spec.InternalTrafficPolicy == nil {
			return append(errs, field.Required(at, ""))
		}
		errs = append(errs, check.OneOf(at, *spec.InternalTrafficPolicy, corev1.ServiceInternalTrafficPolicyCluster, corev1.ServiceInternalTrafficPolicyLocal)...)
	}
	return errs
}

func validateUpdate(s, old *corev1.Service) field.ErrorList {
	path := field.NewPath("spec")
	var errs field.ErrorList
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer && old.Spec.Type == corev1.ServiceTypeLoadBalancer && !ptr.Equal(s.Spec.LoadBalancerClass, old.Spec.LoadBalancerClass) {
		errs = append(errs, field.Invalid(path.Child("loadBalancerClass"), s.Spec.LoadBalancerClass, "may not change once set"))
	}
	errs = append(errs, validate(s)...)
	if hasClusterIP(&s.Spec) && hasClusterIP(&old.Spec) {
		// An address stays: the first one for ever, the second one can go and come with the family.
		if len(old.Spec.ClusterIPs) > 0 && len(s.Spec.ClusterIPs) > 0 {
			if s.Spec.ClusterIPs[0] != old.Spec.ClusterIPs[0] {
				errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(0), s.Spec.ClusterIPs, "may not change once set"))
			}
			if len(old.Spec.ClusterIPs) == 2 && len(s.Spec.ClusterIPs) == 2 && s.Spec.ClusterIPs[1] != old.Spec.ClusterIPs[1] {
				errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(1), s.Spec.ClusterIPs, "may not change once set"))
			}
		}
		if len(old.Spec.IPFamilies) > 0 && len(s.Spec.IPFamilies) > 0 && s.Spec.IPFamilies[0] != old.Spec.IPFamilies[0] {
			errs = append(errs, field.Invalid(path.Child("ipFamilies").Index(0), s.Spec.IPFamilies, "primary ipFamily can not be changed once set"))
		}
	}
	if hasHealthCheckPort(&s.Spec) && hasHealthCheckPort(&old.Spec) && s.Spec.HealthCheckNodePort != old.Spec.HealthCheckNodePort {
		errs = append(errs, field.Forbidden(path.Child("healthCheckNodePort"), "field is immutable"))
	}
	return errs
}
