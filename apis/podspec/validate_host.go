package podspec

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"github.com/coxswain-k8s/coxswain/apis/check"
)

func validateHostname(name string, path *field.Path) field.ErrorList {
	if strings.Contains(name, ".") {
		return field.ErrorList{field.Invalid(path, name, "must not contain dots")}
	}
	return check.Label(path, name)
}

func validateHostnameOverride(spec *corev1.PodSpec, name string, path *field.Path) field.ErrorList {
	errs := check.Subdomain(path.Child("hostnameOverride"), name)
	if len(name) > validation.DNS1123LabelMaxLength+1 {
		errs = append(errs, field.TooLong(path.Child("hostnameOverride"), name, validation.DNS1123LabelMaxLength+1))
	}
	if spec.HostNetwork {
		errs = append(errs, field.Forbidden(path.Child("hostNetwork"), "may not be set to true when hostnameOverride is specified"))
	}
	if ptr.Deref(spec.SetHostnameAsFQDN, false) {
		errs = append(errs, field.Forbidden(path.Child("hostnameOverride"), "may not be specified when setHostnameAsFQDN is true"))
	}
	return errs
}

// validateHost checks what a pod shares with its node.
func validateHost(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if spec.HostPID && ptr.Deref(spec.ShareProcessNamespace, false) {
		errs = append(errs, field.Invalid(path.Child("securityContext", "shareProcessNamespace"), true, "ShareProcessNamespace and HostPID cannot both be enabled"))
	}
	if ptr.Deref(spec.HostUsers, true) {
		return errs
	}
	const detail = "when `hostUsers` is false"
	if spec.HostNetwork {
		errs = append(errs, field.Forbidden(path.Child("hostNetwork"), detail))
	}
	if spec.HostPID {
		errs = append(errs, field.Forbidden(path.Child("HostPID"), detail))
	}
	if spec.HostIPC {
		errs = append(errs, field.Forbidden(path.Child("HostIPC"), detail))
	}
	for i := range spec.Containers {
		if len(spec.Containers[i].VolumeDevices) > 0 {
			errs = append(errs, field.Forbidden(path.Child("containers").Index(i).Child("volumeDevices"), detail))
		}
	}
	for i := range spec.InitContainers {
		if len(spec.InitContainers[i].VolumeDevices) > 0 {
			errs = append(errs, field.Forbidden(path.Child("initContainers").Index(i).Child("volumeDevices"), detail))
		}
	}
	return errs
}

// validateHostPorts checks that no two containers want the same port of the node.
func validateHostPorts(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	seen := sets.Set[string]{}
	errs := hostPortConflicts(spec.Containers, path, "containers", seen)
	return append(errs, hostPortConflicts(spec.InitContainers, path, "initContainers", seen)...)
}

func hostPortConflicts(containers []corev1.Container, path *field.Path, list string, seen sets.Set[string]) field.ErrorList {
	var errs field.ErrorList
	for i := range containers {
		for j, port := range containers[i].Ports {
			if port.HostPort == 0 {
				continue
			}
			key := fmt.Sprintf("%s/%s/%d", port.Protocol, port.HostIP, port.HostPort)
			if seen.Has(key) {
				errs = append(errs, field.Duplicate(path.Child(list).Index(i).Child("ports").Index(j).Child("hostPort"), key))
			}
			seen.Insert(key)
		}
	}
	return errs
}

func validateHostAliases(aliases []corev1.HostAlias, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for i, alias := range aliases {
		errs = append(errs, validateIP(path.Index(i).Child("ip"), alias.IP)...)
		for j, name := range alias.Hostnames {
			errs = append(errs, check.Subdomain(path.Index(i).Child("hostnames").Index(j), name)...)
		}
	}
	return errs
}

func validateDNS(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	errs := check.RequiredChildOneOf(path, "dnsPolicy", spec.DNSPolicy, corev1.DNSClusterFirstWithHostNet, corev1.DNSClusterFirst, corev1.DNSDefault, corev1.DNSNone)
	if spec.DNSPolicy != corev1.DNSNone && spec.DNSConfig == nil {
		return errs
	}
	at := path.Child("dnsConfig")
	if config := spec.DNSConfig; spec.DNSPolicy == corev1.DNSNone {
		if config == nil {
			return append(errs, field.Required(at, "must provide `dnsConfig` when `dnsPolicy` is None"))
		}
		if len(config.Nameservers) == 0 {
			return append(errs, field.Required(at.Child("nameservers"), "must provide at least one DNS nameserver when `dnsPolicy` is None"))
		}
	}
	const maxServers, maxSearches, maxSearchLength = 3, 32, 2048
	config := spec.DNSConfig
	if len(config.Nameservers) > maxServers {
		errs = append(errs, field.Invalid(at.Child("nameservers"), config.Nameservers, fmt.Sprintf("must not have more than %d nameservers", maxServers)))
	}
	for i, server := range config.Nameservers {
		errs = append(errs, validateIP(at.Child("nameservers").Index(i), server)...)
	}
	if len(config.Searches) > maxSearches {
		errs = append(errs, field.Invalid(at.Child("searches"), config.Searches, fmt.Sprintf("must not have more than %d search paths", maxSearches)))
	}
	length := len(config.Searches) - 1
	for i, search := range config.Searches {
		length += len(search)
		if search != "." {
			errs = append(errs, check.Messages(at.Child("searches").Index(i), search, validation.IsDNS1123SubdomainWithUnderscore(trimDot(search)))...)
		}
	}
	if length > maxSearchLength {
		errs = append(errs, field.Invalid(at.Child("searches"), config.Searches, fmt.Sprintf("must not have more than %d characters (including spaces) in the search list", maxSearchLength)))
	}
	for i, option := range config.Options {
		if option.Name == "" {
			errs = append(errs, field.Required(at.Child("options").Index(i), "must not be empty"))
		}
	}
	return errs
}

func trimDot(name string) string {
	if n := len(name); n > 1 && name[n-1] == '.' {
		return name[:n-1]
	}
	return name
}
