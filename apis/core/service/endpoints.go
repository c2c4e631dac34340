package service

import (
	"net"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/coxswain-k8s/coxswain/apis/check"
	"github.com/coxswain-k8s/coxswain/apis/resource"
)

// Endpoints is their row.
func Endpoints() *resource.Resource {
	return &resource.Resource{
		Name:       "endpoints",
		Singular:   "endpoints",
		Kind:       "Endpoints",
		ShortNames: []string{"ep"},
		Namespaced: true,
		Versions: []resource.Version{{
			Name:       "v1",
			New:        resource.New[corev1.Endpoints],
			NewList:    resource.NewList[corev1.EndpointsList],
			Deprecated: "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice",
			Default:    resource.Defaulter(defaultEndpoints),
		}},
		Columns:                  resource.Columns("Name:name", "Endpoints", "Age"),
		Cells:                    resource.Row(endpointsCells),
		Validate:                 resource.Check(validateEndpoints),
		ValidateUpdate:           resource.CheckUpdate(validateEndpointsUpdate),
		Warnings:                 resource.Warn(warnEndpoints),
		StoragePrefix:            "services/endpoints",
		AllowCreateOnUpdate:      true,
		AllowUnconditionalUpdate: true,
	}
}

func endpointsCells(e *corev1.Endpoints, now time.Time) []any {
	var addresses []string
	for _, subset := range e.Subsets {
		if len(subset.Ports) == 0 {
			for _, a := range subset.Addresses {
				addresses = append(addresses, a.IP)
			}
		}
		for _, p := range subset.Ports {
			for _, a := range subset.Addresses {
				addresses = append(addresses, joinHostPort(a.IP, p.Port))
			}
		}
	}
	return []any{e.Name, resource.FirstOf(addresses, 3, resource.None), resource.AgeOf(e, now)}
}

func joinHostPort(ip string, port int32) string {
	return net.JoinHostPort(ip, strconv.Itoa(int(port)))
}

func defaultEndpoints(e *corev1.Endpoints) {
	for i := range e.Subsets {
		for j := range e.Subsets[i].Ports {
			if port := &e.Subsets[i].Ports[j]; port.Protocol == "" {
				port.Protocol = corev1.ProtocolTCP
			}
		}
	}
}

// endpointPorts and addresses of the older Endpoints.
func validateEndpoints(e *corev1.Endpoints) field.ErrorList {
	var errs field.ErrorList
	for i := range e.Subsets {
		subset, path := &e.Subsets[i], field.NewPath("subsets").Index(i)
		if len(subset.Addresses)+len(subset.NotReadyAddresses) == 0 {
			errs = append(errs, field.Required(path, "must specify `addresses` or `notReadyAddresses`"))
		}
		for j := range subset.Addresses {
			errs = append(errs, validateEndpointAddress(&subset.Addresses[j], path.Child("addresses").Index(j))...)
		}
		for j := range subset.NotReadyAddresses {
			errs = append(errs, validateEndpointAddress(&subset.NotReadyAddresses[j], path.Child("notReadyAddresses").Index(j))...)
		}
		for j := range subset.Ports {
			errs = append(errs, validateEndpointPort(&subset.Ports[j], len(subset.Ports) > 1, path.Child("ports").Index(j))...)
		}
	}
	return errs
}

func validateEndpointAddress(a *corev1.EndpointAddress, path *field.Path) field.ErrorList {
	errs := validation.IsValidIPForLegacyField(path.Child("ip"), a.IP, true, nil)
	if a.Hostname != "" {
		errs = append(errs, check.Label(path.Child("hostname"), a.Hostname)...)
	}
	if a.NodeName != nil {
		errs = append(errs, check.Subdomain(path.Child("nodeName"), *a.NodeName)...)
	}
	return append(errs, nonSpecialIP(a.IP, path.Child("ip"))...)
}

func validateEndpointPort(p *corev1.EndpointPort, named bool, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	switch {
	case named && p.Name == "":
		errs = append(errs, field.Required(path.Child("name"), ""))
	case p.Name != "":
		errs = append(errs, check.Label(path.Child("name"), p.Name)...)
	}
	errs = append(errs, check.Port(path.Child("port"), p.Port)...)
	errs = append(errs, check.RequiredOneOf(path.Child("protocol"), p.Protocol, corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP)...)
	if p.AppProtocol != nil {
		errs = append(errs, check.QualifiedName(path.Child("appProtocol"), *p.AppProtocol)...)
	}
	return errs
}

func validateEndpointsUpdate(e, _ *corev1.Endpoints) field.ErrorList {
	return validateEndpoints(e)
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
