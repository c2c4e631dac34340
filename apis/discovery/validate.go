package discovery

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

// What one slice may hold.
const (
	maxEndpoints  = 1000
	maxAddresses  = 100
	maxPorts      = 20000
	maxHints      = 8
	minFQDNLabels = 2
)

func validateEndpointSlice(s *discoveryv1.EndpointSlice) field.ErrorList {
	errs := validateAddressType(s.AddressType)
	errs = append(errs, validatePorts(s.Ports, field.NewPath("ports"))...)
	path := field.NewPath("endpoints")
	if len(s.Endpoints) > maxEndpoints {
		return append(errs, field.TooMany(path, len(s.Endpoints), maxEndpoints))
	}
	for i := range s.Endpoints {
		errs = append(errs, validateEndpoint(&s.Endpoints[i], s.AddressType, path.Index(i))...)
	}
	return errs
}

func validateAddressType(kind discoveryv1.AddressType) field.ErrorList {
	return check.RequiredOneOf(field.NewPath("addressType"), kind, discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6)
}

func validateEndpointSliceUpdate(s, old *discoveryv1.EndpointSlice) field.ErrorList {
	// A slice of another type is another slice: its addresses are not looked at.
	if errs := check.Immutable(field.NewPath("addressType"), s.AddressType, old.AddressType); len(errs) > 0 {
		return append(validateAddressType(s.AddressType), errs...)
	}
	return validateEndpointSlice(s)
}

func validateEndpoint(e *discoveryv1.Endpoint, kind discoveryv1.AddressType, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("addresses")
	switch {
	case len(e.Addresses) == 0:
		errs = append(errs, field.Required(at, "must contain at least 1 address"))
	case len(e.Addresses) > maxAddresses:
		errs = append(errs, field.TooMany(at, len(e.Addresses), maxAddresses))
	default:
		for i, address := range e.Addresses {
			errs = append(errs, validateAddress(address, kind, at, i)...)
		}
	}
	if e.NodeName != nil {
		errs = append(errs, check.Subdomain(path.Child("nodeName"), *e.NodeName)...)
	}
	if len(e.DeprecatedTopology) > 0 {
		errs = append(errs, check.Labels(path.Child("deprecatedTopology"), e.DeprecatedTopology)...)
	}
	if e.Hostname != nil {
		errs = append(errs, check.Label(path.Child("hostname"), *e.Hostname)...)
	}
	if e.Hints != nil {
		errs = append(errs, validateHints(e.Hints, path.Child("hints"))...)
	}
	return errs
}

func validateAddress(address string, kind discoveryv1.AddressType, path *field.Path, i int) field.ErrorList {
	at := path.Index(i)
	switch kind {
	case discoveryv1.AddressTypeIPv4:
		if netutils.IsIPv6String(address) {
			return field.ErrorList{field.Invalid(path, address, "must be an IPv4 address")}
		}
	case discoveryv1.AddressTypeIPv6:
		if netutils.IsIPv4String(address) && !strings.Contains(address, ":") {
			return field.ErrorList{field.Invalid(path, address, "must be an IPv6 address")}
		}
	case discoveryv1.AddressTypeFQDN:
		return validateFQDN(address, at)
	default:
		return nil
	}
	if errs := validation.IsValidIP(at, address); len(errs) > 0 {
		return errs
	}
	return check.EndpointIP(at, address)
}

func validateFQDN(name string, path *field.Path) field.ErrorList {
	if errs := check.Subdomain(path, name); len(errs) > 0 {
		return errs
	}
	if len(strings.Split(name, ".")) < minFQDNLabels {
		return field.ErrorList{field.Invalid(path, name, "should be a domain with at least two segments separated by dots")}
	}
	return nil
}

func validateHints(hints *discoveryv1.EndpointHints, path *field.Path) field.ErrorList {
	zones, nodes := make([]string, 0, len(hints.ForZones)), make([]string, 0, len(hints.ForNodes))
	for _, zone := range hints.ForZones {
		zones = append(zones, zone.Name)
	}
	for _, node := range hints.ForNodes {
		nodes = append(nodes, node.Name)
	}
	errs := validateHintNames(zones, validation.IsValidLabelValue, path.Child("forZones"))
	return append(errs, validateHintNames(nodes, validation.IsDNS1123Subdomain, path.Child("forNodes"))...)
}

func validateHintNames(names []string, isValid func(string) []string, path *field.Path) field.ErrorList {
	if len(names) > maxHints {
		return field.ErrorList{field.TooMany(path, len(names), maxHints)}
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, name := range names {
		at := path.Index(i).Child("name")
		if seen.Has(name) {
			errs = append(errs, field.Duplicate(at, name))
			continue
		}
		seen.Insert(name)
		errs = append(errs, check.Messages(at, name, isValid(name))...)
	}
	return errs
}

func validatePorts(ports []discoveryv1.EndpointPort, path *field.Path) field.ErrorList {
	if len(ports) > maxPorts {
		return field.ErrorList{field.TooMany(path, len(ports), maxPorts)}
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i := range ports {
		port, at := &ports[i], path.Index(i)
		name := *port.Name
		if name != "" {
			errs = append(errs, check.Label(at.Child("name"), name)...)
		}
		if seen.Has(name) {
			errs = append(errs, field.Duplicate(at.Child("name"), name))
		}
		seen.Insert(name)
		errs = append(errs, check.OneOf(at.Child("protocol"), *port.Protocol, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
		if port.AppProtocol != nil {
			errs = append(errs, check.QualifiedName(at.Child("appProtocol"), *port.AppProtocol)...)
		}
	}
	return errs
}
